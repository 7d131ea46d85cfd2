// A page of the documentation, made once and kept: its text does not change while the server runs.
import { CLIENTS, clientById } from '#lib/clients/clients.ts'
import { PLACEHOLDER_KEY, type Snippet } from '#lib/clients/client.ts'
import { parsePolicy } from '@mcpshield/policy/parse'
import { API_GROUPS, operationsOf, type ApiOperation } from './api.server.ts'
import { ENTRIES, entryAt, GROUPS, type Entry } from './contents.server.ts'
import { DECISIONS, linksFrom } from './links.server.ts'
import { codeBlock, renderMarkdown, type Block, type Heading } from './markdown.server.ts'
import { slugOf } from './slug.ts'
import { sourcesIn, sourceText } from './sources.server.ts'

type Link = { href: string; title: string }
export type RecipeTest = { name: string; decision: string | undefined; rule: string | undefined }
/** With its colours. */
export type ShownSnippet = Snippet & { html: string }
export type ClientGuide = {
  name: string
  documentation: string | undefined
  command: ShownSnippet | undefined
  files: ShownSnippet[]
  then: string
}
export type Content =
  | { kind: 'markdown'; blocks: Block[] }
  | { kind: 'recipe'; about: string; code: Block & { kind: 'code' }; file: string; tests: RecipeTest[] }
  | { kind: 'client'; guide: ClientGuide }
  | { kind: 'api'; about: string; operations: ApiOperation[] }
export type DocsPage = {
  path: string
  title: string
  description: string
  group: string
  headings: Heading[]
  content: Content
  previous: Link | undefined
  next: Link | undefined
}

const made = new Map<string, DocsPage>()

/** Where this installation is reached: the same for all its readers. */
export type Addresses = { mcp: string; api: string }

export function docsPage(path: string, addresses: Addresses): DocsPage | undefined {
  const known = made.get(path)
  if (known !== undefined) return known
  const entry = entryAt(path)
  if (entry === undefined) return undefined
  const page = makePage(entry, addresses)
  made.set(path, page)
  return page
}

function makePage(entry: Entry, addresses: Addresses): DocsPage {
  const made = makeContent(entry, addresses)
  const listed = GROUPS.flatMap(({ entries }) => entries)
  const at = listed.indexOf(entry)
  const linkTo = (other: Entry | undefined) =>
    other === undefined ? undefined : { href: `/docs/${other.path}`, title: other.title }
  return {
    path: entry.path,
    title: made.title ?? entry.title,
    description: shortened(made.description),
    group: GROUPS.find(({ entries }) => entries.includes(entry))?.title ?? 'Policies',
    headings: made.headings,
    content: made.content,
    previous: at > 0 ? linkTo(listed[at - 1]) : undefined,
    next: at >= 0 ? linkTo(listed[at + 1]) : undefined,
  }
}

type Made = { title?: string; description: string; headings: Heading[]; content: Content }

function makeContent({ path, title, about = '', making }: Entry, addresses: Addresses): Made {
  switch (making.kind) {
    case 'markdown':
      return markdownPage(filledIn(sourceText(making.source), addresses), making.source, title)
    case 'decisions':
      return markdownPage(allDecisions(), `${DECISIONS}/all.md`, title)
    case 'client':
      return clientPage(making.client, addresses.mcp)
    case 'recipe':
      return recipePage(path, about, making.source)
    case 'api':
      return apiPage(making.group)
  }
}

function markdownPage(text: string, source: string, title: string): Made {
  const { title: own, lead, blocks, headings } = renderMarkdown(text, linksFrom(source))
  // A README is named after its folder.
  const isReadme = source.endsWith('README.md')
  return { title: isReadme ? title : own, description: lead, headings, content: { kind: 'markdown', blocks } }
}

/** The documents for the site leave open what an installation or another source knows. */
function filledIn(text: string, { mcp, api }: Addresses): string {
  const list = (links: { title: string; href: string; about?: string }[]) =>
    links
      .map(({ title, href, about }) => `- [${title}](${href})${about === undefined ? '' : `: ${about}`}`)
      .join('\n')
  return text
    .replaceAll('{MCP_URL}', mcp)
    .replaceAll('{API_URL}', api)
    .replaceAll('{CLIENTS}', () =>
      list(CLIENTS.map(({ id, name }) => ({ title: name, href: `/docs/clients/${id}` }))),
    )
    .replaceAll('{API_GROUPS}', () =>
      list(API_GROUPS.map(({ id, title, about }) => ({ title, href: `/docs/api/${id}`, about }))),
    )
}

/** One page of all, each a level deeper. */
function allDecisions(): string {
  const each = sourcesIn(DECISIONS).map((source) => sourceText(source).replace(/^#/gm, '##'))
  return `# Decisions\n\nChoices that closed a door, each with its reason and what follows from it.\n\n${each.join('\n')}`
}

function clientPage(id: string, mcp: string): Made {
  const { name, documentation, command, files, then } = clientById(id)
  const endpoint = { url: mcp, key: PLACEHOLDER_KEY }
  const commanded = command?.(endpoint)
  const guide = {
    name,
    documentation,
    command: commanded === undefined ? undefined : shownSnippet(commanded),
    files: files(endpoint).map(shownSnippet),
    then,
  }
  const headings = ['Before you begin', 'Set it up', 'See it work', 'When it does not'].map((text) => ({
    level: 2,
    text,
    id: slugOf(text),
  }))
  return {
    title: id === 'other' ? 'Connect any other client' : `Connect ${name}`,
    description: `How to connect ${name} to MCPShield: the exact configuration, where it goes, and how to see that it works.`,
    headings,
    content: { kind: 'client', guide },
  }
}

function shownSnippet(snippet: Snippet): ShownSnippet {
  const language = /\.ya?ml|Configuration/.test(snippet.place)
    ? 'yaml'
    : /json/.test(snippet.place)
      ? 'json'
      : ''
  return { ...snippet, html: codeBlock(snippet.code, language).html }
}

function recipePage(path: string, about: string, source: string): Made {
  const text = sourceText(source)
  const isOrganizations = path.includes('/organization-')
  const { policy } = parsePolicy(text, { organization: isOrganizations })
  const tests = (policy?.tests ?? []).map(({ name, expect }) =>
    typeof expect === 'string'
      ? { name, decision: expect, rule: undefined }
      : { name, decision: expect.decision, rule: expect.rule },
  )
  // The line for editors is for who has the file.
  const shown = text.replace(/^# yaml-language-server:.*\n/, '').trimEnd()
  return {
    description: `${about}. A policy to copy, with ${tests.length} tests.`,
    headings: [
      { level: 2, text: 'The policy', id: 'the-policy' },
      { level: 2, text: 'What its tests hold', id: 'what-its-tests-hold' },
    ],
    content: {
      kind: 'recipe',
      about,
      code: codeBlock(shown, 'yaml'),
      file: source.split('/').at(-1) ?? '',
      tests,
    },
  }
}

function apiPage(id: string): Made {
  const group = API_GROUPS.find((each) => each.id === id)
  const operations = operationsOf(id)
  return {
    title: `API: ${group?.title}`,
    description: `${group?.about} Endpoints of the MCPShield API, with inputs, answers and errors.`,
    headings: operations.map(({ id: operation, method, path }) => ({
      level: 2,
      text: `${method} ${path}`,
      id: operation,
    })),
    content: { kind: 'api', about: group?.about ?? '', operations },
  }
}

const MAX_DESCRIPTION = 160

function shortened(text: string): string {
  if (text.length <= MAX_DESCRIPTION) return text
  const cut = text.slice(0, MAX_DESCRIPTION)
  return `${cut.slice(0, cut.lastIndexOf(' '))}…`
}

export const DOCS_PATHS: readonly string[] = ENTRIES.map(({ path }) => path)
