// A search over all pages: small enough to look at every section for every question.
import { DOCS_PATHS, docsPage, type Addresses, type DocsPage } from './pages.server.ts'

export type Found = { href: string; page: string; heading: string | undefined; excerpt: string }
type Section = { href: string; page: string; heading: string | undefined; text: string; folded: string }

const MAX_FOUND = 30
const EXCERPT_CHARACTERS = 160
const MAX_WORDS = 8

let sections: Section[] | undefined

/** Sections that hold every word, those that say it in a heading first. */
export function searchDocs(question: string, addresses: Addresses): Found[] {
  const words = folded(question).split(/\s+/).filter(Boolean).slice(0, MAX_WORDS)
  if (words.length === 0) return []
  sections ??= DOCS_PATHS.flatMap((path) => sectionsOf(docsPage(path, addresses)!))
  return sections
    .filter((section) => words.every((word) => section.folded.includes(word)))
    .map((section) => ({ section, rank: rankOf(section, words) }))
    .sort((a, b) => b.rank - a.rank)
    .slice(0, MAX_FOUND)
    .map(({ section: { href, page, heading, text } }) => ({
      href,
      page,
      heading,
      excerpt: excerptOf(text, words),
    }))
}

const folded = (text: string) => text.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '')

function rankOf({ page, heading, text }: Section, words: string[]): number {
  const names = folded(`${page} ${heading ?? ''}`)
  const named = words.filter((word) => names.includes(word)).length * 10
  const isWhole = folded(heading ?? page) === words.join(' ') ? 20 : 0
  // Of sections that hold the same, the shorter says more about it.
  return named + isWhole - Math.min(text.length / 1_000, 5)
}

function excerptOf(text: string, words: string[]): string {
  const at = Math.max(0, folded(text).indexOf(words[0] ?? ''))
  const from = text.lastIndexOf(' ', Math.max(0, at - 40)) + 1
  const cut = text.slice(from, from + EXCERPT_CHARACTERS)
  return `${from > 0 ? '… ' : ''}${cut}${from + EXCERPT_CHARACTERS < text.length ? ' …' : ''}`
}

function sectionsOf(page: DocsPage): Section[] {
  const section = (heading: string | undefined, id: string | undefined, text: string): Section => {
    const clean = text.replace(/\s+/g, ' ').trim()
    const href = `/docs/${page.path}${id === undefined ? '' : `#${id}`}`
    return {
      href,
      page: page.title,
      heading,
      text: clean,
      folded: folded(`${page.title} ${heading ?? ''} ${clean}`),
    }
  }
  const { content } = page
  switch (content.kind) {
    case 'markdown':
      return markdownSections(
        content.blocks.map((each) => (each.kind === 'html' ? each.html : escapedText(each.code))).join('\n'),
        section,
        page,
      )
    case 'api':
      return content.operations.map(({ id, method, path, summary, inputs }) =>
        section(`${method} ${path}`, id, `${summary} ${inputs.map(({ name }) => name).join(' ')}`),
      )
    case 'recipe':
      return [section(undefined, undefined, `${content.about}. ${content.code.code}`)]
    case 'client':
      return [section(undefined, undefined, page.description)]
  }
}

type MakeSection = (heading: string | undefined, id: string | undefined, text: string) => Section

function markdownSections(html: string, section: MakeSection, page: DocsPage): Section[] {
  const [first = '', ...rest] = html.split(/(?=<h[2-4] id=")/)
  return [
    section(undefined, undefined, textOf(first)),
    ...rest.map((part) => {
      const id = /id="([^"]*)"/.exec(part)?.[1]
      const heading = page.headings.find((each) => each.id === id)?.text
      return section(heading, id, textOf(part.replace(/<h[2-4].*?<\/h[2-4]>/s, '')))
    }),
  ]
}

const escapedText = (text: string) => text.replaceAll('<', '&lt;')

function textOf(html: string): string {
  return html
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}
