// Markdown of the repository → parts of a page. The sources are ours; what they hold of HTML is left out all the same.
import { Marked, type Token, type Tokens } from 'marked'
import { tokensOf, TOKEN_CLASSES } from '../code-tokens.ts'
import { slugger } from './slug.ts'

export type Block =
  | { kind: 'html'; html: string }
  /** A piece of code: `html` has its colours. */
  | { kind: 'code'; code: string; language: string; html: string }
export type Heading = { level: number; text: string; id: string }
export type Document = { title: string; lead: string; blocks: Block[]; headings: Heading[] }

/** Where a link of the source leads on the site, or `undefined` where what it names is not on it. */
export type ResolveLink = (href: string) => string | undefined

const LANGUAGES: Record<string, string> = {
  sh: 'Terminal',
  console: 'Terminal',
  yaml: 'YAML',
  json: 'JSON',
  toml: 'TOML',
  ts: 'TypeScript',
}
const COLOURED = new Set(['yaml', 'json'])

export function renderMarkdown(markdown: string, resolveLink: ResolveLink): Document {
  const headings: Heading[] = []
  const marked = new Marked({ renderer: rendererOf(headings, resolveLink) })
  const tokens = marked.lexer(markdown)
  const title = tokens.find(isHeading)
  const rest = tokens.filter((token) => token !== title)
  const blocks: Block[] = []
  for (const token of rest) {
    if (token.type === 'code') {
      const { text, lang } = token as Tokens.Code
      blocks.push(codeBlock(text, lang ?? ''))
      continue
    }
    const html = marked.parser([token])
    const last = blocks.at(-1)
    if (last?.kind === 'html') last.html += html
    else if (html.trim() !== '') blocks.push({ kind: 'html', html })
  }
  const paragraph = rest.find((token): token is Tokens.Paragraph => token.type === 'paragraph')
  return { title: plain(title?.text ?? ''), lead: plain(paragraph?.text ?? ''), blocks, headings }
}

const isHeading = (token: Token): token is Tokens.Heading => token.type === 'heading' && token.depth === 1

function rendererOf(headings: Heading[], resolveLink: ResolveLink) {
  const idOf = slugger()
  const tables = new Map<string, number>()
  /** Regions of a page have names of their own. */
  const tableName = (header: Tokens.TableCell[]) => {
    const name = plain(header.flatMap(({ text }) => (text === '' ? [] : [text])).join(', '))
    const times = (tables.get(name) ?? 0) + 1
    tables.set(name, times)
    return escaped(times === 1 ? name : `${name} (${times})`)
  }
  return {
    heading(this: Parsing, { tokens, depth, text }: Tokens.Heading): string {
      const id = idOf(plain(text))
      headings.push({ level: depth, text: plain(text), id })
      return `<h${depth} id="${id}"><a href="#${id}">${this.parser.parseInline(tokens)}</a></h${depth}>\n`
    },
    link(this: Parsing, { href, tokens }: Tokens.Link): string {
      const text = this.parser.parseInline(tokens)
      const target = /^(https?:|#)/.test(href) ? href : resolveLink(href)
      if (target === undefined)
        return `<span title="${escaped(href.replace(/^(\.\.?\/)+/, ''))}">${text}</span>`
      const away = target.startsWith('http') ? ' rel="noreferrer"' : ''
      return `<a href="${escaped(target)}"${away}>${text}</a>`
    },
    table(this: Parsing, { header, rows }: Tokens.Table): string {
      const cells = (row: Tokens.TableCell[], tag: string) =>
        row
          .map(({ tokens, align }) => {
            const side = align === 'right' ? ' class="numeric"' : ''
            if (tag === 'th' && tokens.length === 0) return '<td></td>'
            return `<${tag}${tag === 'th' ? ' scope="col"' : ''}${side}>${this.parser.parseInline(tokens)}</${tag}>`
          })
          .join('')
      const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')
      const name = tableName(header)
      return `<div class="scrolls" role="region" tabindex="0" aria-label="Table: ${name}"><table><thead><tr>${cells(header, 'th')}</tr></thead><tbody>${body}</tbody></table></div>`
    },
    code({ text, lang }: Tokens.Code): string {
      return `<pre tabindex="0"><code>${codeBlock(text, lang ?? '').html}</code></pre>`
    },
    html: () => '',
  }
}

type Parsing = { parser: { parseInline: (tokens: Token[]) => string } }

export function codeBlock(code: string, language: string): Block & { kind: 'code' } {
  return {
    kind: 'code',
    code,
    language: LANGUAGES[language] ?? 'Text',
    html: COLOURED.has(language) ? coloured(code) : escaped(code),
  }
}

function coloured(code: string): string {
  return code
    .split('\n')
    .map((line) =>
      tokensOf(line)
        .map(({ text, kind }) => {
          const look = TOKEN_CLASSES[kind]
          return look === '' ? escaped(text) : `<span class="${look}">${escaped(text)}</span>`
        })
        .join(''),
    )
    .join('\n')
}

/** Without what Markdown marks: for titles and descriptions. */
export function plain(markdown: string): string {
  return markdown
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]|(?<!\w)_|_(?!\w)/g, '')
    .replace(/\s+/g, ' ')
    .trim()
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
