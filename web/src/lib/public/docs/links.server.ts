// Where links of the repository's documents lead on the site.
import { posix } from 'node:path'
import { ENTRIES } from './contents.server.ts'
import { slugOf } from './slug.ts'
import { sourcesIn, sourceText } from './sources.server.ts'
import type { ResolveLink } from './markdown.server.ts'

export const DECISIONS = 'docs/adr'

const pages = new Map<string, string>([
  ...ENTRIES.flatMap(({ path, making }) =>
    'source' in making ? [[making.source, `/docs/${path}`] as const] : [],
  ),
  ['docs/adr', '/docs/decisions'],
  ['docs/databases', '/docs/databases/postgresql'],
  ['libs/facts/README.md', '/docs/third-party-servers'],
  ['libs/policy/schema/policy.schema.json', '/docs/policy/policy.schema.json'],
])

for (const source of sourcesIn(DECISIONS)) pages.set(source, `/docs/decisions#${anchorOf(source)}`)

function anchorOf(source: string): string {
  return slugOf(/^# (.*)/.exec(sourceText(source))?.[1] ?? '')
}

/** Of a document at that place of the repository. */
export function linksFrom(source: string): ResolveLink {
  return (href) => {
    // The documents that are written for the site say its own addresses.
    if (href.startsWith('/')) return href
    const [file = '', anchor] = href.split('#')
    const page = pages.get(posix.normalize(posix.join(posix.dirname(source), file)))
    if (page === undefined) return undefined
    return anchor === undefined ? page : `${page}#${anchor}`
  }
}
