import { describe, expect, test } from 'vitest'
import { operationsOfNoGroup, API_GROUPS, operationsOf } from './api.server.ts'
import { ENTRIES } from './contents.server.ts'
import { DOCS_PATHS, docsPage, type DocsPage } from './pages.server.ts'
import { searchDocs } from './search.server.ts'
import { sourcesIn } from './sources.server.ts'

const ADDRESSES = { mcp: 'https://mcp.example.com/mcp', api: 'https://api.example.com' }
const pageAt = (path: string) => docsPage(path, ADDRESSES)!
const pages = DOCS_PATHS.map(pageAt)

/** Pages of the site that are not documentation. */
const OTHERS = new Set(['/', '/auth/sign-up', '/app/projects', '/docs/policy/policy.schema.json'])

function linksOf({ content }: DocsPage): string[] {
  const html =
    content.kind === 'markdown'
      ? content.blocks.map((each) => (each.kind === 'html' ? each.html : '')).join('')
      : ''
  return [...html.matchAll(/<a href="([^"]*)"/g)].map(([, href]) => href ?? '')
}

describe('the documentation', () => {
  test('has a title, a description and something to read on each page', () => {
    for (const { path, title, description, content } of pages) {
      expect(title, path).not.toBe('')
      expect(description.length, path).toBeGreaterThan(20)
      if (content.kind === 'markdown') expect(content.blocks.length, path).toBeGreaterThan(0)
      if (content.kind === 'recipe') expect(content.tests.length, path).toBeGreaterThan(3)
      if (content.kind === 'api') expect(content.operations.length, path).toBeGreaterThan(0)
    }
  })

  test('has each address once', () => expect(new Set(DOCS_PATHS).size).toBe(DOCS_PATHS.length))

  test('leads nowhere that is not there, to the very heading', () => {
    const anchors = new Map(
      pages.map(({ path, headings }) => [`/docs/${path}`, new Set(headings.map(({ id }) => id))]),
    )
    const broken = pages.flatMap((page) =>
      linksOf(page).filter((href) => {
        if (href.startsWith('http')) return false
        const [path, anchor] = href.startsWith('#') ? [`/docs/${page.path}`, href.slice(1)] : href.split('#')
        if (OTHERS.has(path ?? '')) return false
        const known = anchors.get(path ?? '')
        return known === undefined || (anchor !== undefined && !known.has(anchor))
      }),
    )
    expect(broken).toEqual([])
  })

  test('leaves nothing open that an installation knows', () => {
    for (const { path, content } of pages)
      expect(JSON.stringify(content), path).not.toMatch(/\{[A-Z]+_?[A-Z]+\}/)
    expect(JSON.stringify(pageAt('clients').content)).toContain(ADDRESSES.mcp)
  })

  test('shows every recipe of the cookbook, and every document that is written for it', () => {
    const shown = new Set(ENTRIES.flatMap(({ making }) => ('source' in making ? [making.source] : [])))
    for (const folder of ['docs/policy', 'docs/databases', 'docs/site'])
      for (const source of sourcesIn(folder)) expect(shown, source).toContain(source)
  })

  test('has no markup of its sources’ comments, nor any element that they wrote', () => {
    expect(JSON.stringify(pageAt('policy/reference').content)).not.toContain('made from the code by')
  })
})

describe('the reference of the API', () => {
  test('has every endpoint, each in one group', () => {
    expect(operationsOfNoGroup()).toEqual([])
    const ids = API_GROUPS.flatMap(({ id }) => operationsOf(id).map((each) => each.id))
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBeGreaterThan(60)
  })

  test('says what an endpoint takes, gives and refuses', () => {
    const save = operationsOf('policies').find(({ id }) => id === 'savePolicy')
    expect(save).toMatchObject({ method: 'PUT', right: 'change', access: 'a person’s token', status: '200' })
    expect(save?.inputs.map(({ name, place, required }) => [name, place, required])).toEqual([
      ['project_id', 'path', true],
      ['if-match', 'header', false],
      ['policy_yaml', 'body', true],
      ['note', 'body', false],
    ])
    expect(save?.outputs.map(({ name }) => name)).toContain('diagnostics[].line')
    expect(save?.errors.map(({ code }) => code)).toEqual(expect.arrayContaining(['STALE', 'POLICY_INVALID']))
  })
})

describe('the search', () => {
  const found = (question: string) => searchDocs(question, ADDRESSES).map(({ href }) => href)

  test('finds a section by its heading first', () => {
    expect(found('path_prefix')[0]).toBe('/docs/policy/reference#path_prefix')
    expect(found('policy eval')[0]).toBe('/docs/cli#policy-eval')
  })

  test('finds every word, in any case, and an endpoint by its path', () => {
    expect(found('QUARANTINE accept')).toContain('/docs/mcp#tools-are-what-was-approved')
    expect(found('/audits/export')[0]).toBe('/docs/api/audits#exportAudits')
  })

  test('finds nothing for what is not there, or for no question', () => {
    expect(found('zebra crossing')).toEqual([])
    expect(found('   ')).toEqual([])
  })
})
