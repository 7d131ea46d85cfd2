import { describe, expect, test } from 'vitest'
import { renderMarkdown } from './markdown.server.ts'
import { slugger } from './slug.ts'

const render = (markdown: string) =>
  renderMarkdown(markdown, (href) => (href === 'known.md' ? '/docs/known' : undefined))
const htmlOf = (markdown: string) =>
  render(markdown)
    .blocks.map(({ html }) => html)
    .join('')

describe('a document', () => {
  test('gives its title, its first sentence and its headings', () => {
    const { title, lead, headings } = render('# The `x`\n\nFirst _of_ all.\n\n## A b\n\n### `c`\n\n## A b\n')
    expect({ title, lead }).toEqual({ title: 'The x', lead: 'First of all.' })
    expect(headings).toEqual([
      { level: 2, text: 'A b', id: 'a-b' },
      { level: 3, text: 'c', id: 'c' },
      { level: 2, text: 'A b', id: 'a-b-1' },
    ])
  })

  test('keeps links to what is on the site, and only the words of the others', () => {
    expect(htmlOf('[a](known.md)')).toContain('<a href="/docs/known">a</a>')
    expect(htmlOf('[a](../src/other.ts)')).toContain('<span title="src/other.ts">a</span>')
    expect(htmlOf('[a](https://example.com/?a=1&b="2)')).not.toContain('b="2')
  })

  test('has code apart, to be copied as it is', () => {
    const [code] = render('```yaml\ndecision: deny # <b>\n```').blocks
    expect(code).toMatchObject({ kind: 'code', code: 'decision: deny # <b>', language: 'YAML' })
    expect(code?.html).toContain('&lt;b&gt;')
  })

  test('passes no element of its own through', () => {
    for (const markdown of [
      '<script>x</script>',
      'a <img src=x onerror=y> b',
      '<!-- c -->',
      '| <b>a</b> |\n| - |\n| <i>b</i> |',
    ])
      expect(htmlOf(`${markdown}\n`)).not.toMatch(/<(script|img|b>|i>|!--)/)
  })

  test('has tables that scroll by themselves', () => {
    expect(htmlOf('| a | n |\n| - | -: |\n| x | 1 |')).toMatch(
      /<div class="scrolls" role="region" tabindex="0" aria-label="Table: a, n">.*<td class="numeric">1<\/td>/s,
    )
  })
})

test('tables of one page have names of their own, and a corner without words is no heading', () => {
  const html = htmlOf('|  | n |\n| - | - |\n| x | 1 |\n\ntext\n\n|  | n |\n| - | - |\n| x | 1 |')
  expect(html).toContain('aria-label="Table: n"')
  expect(html).toContain('aria-label="Table: n (2)"')
  expect(html).toContain('<tr><td></td><th scope="col">n</th></tr>')
})

test('anchors are GitHub’s', () => {
  const idOf = slugger()
  expect(['What’s `new`?', 'A, B & C', 'policy check', '`path_prefix`'].map(idOf)).toEqual([
    'whats-new',
    'a-b--c',
    'policy-check',
    'path_prefix',
  ])
})
