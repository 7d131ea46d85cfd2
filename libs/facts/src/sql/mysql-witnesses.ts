// A second opinion. What was read here stands only when a parser by others accepts the outline of the statement, and
// sees no table, no call and no change in it that is missing. sqlparser-rs is asked first; what it does not accept
// is shown to dt-sql-parser, which takes much longer to load and to get going.
import { CannotTell } from './statement.ts'
import { antlrSighting } from './mysql-antlr.ts'
import type { Core, Walk } from './mysql-names.ts'
import { outlineOf, type Outline } from './mysql-outline.ts'
import { sqlparserSighting, type Sighting } from './mysql-sqlparser.ts'

type Witness = { sees: (outline: string) => Sighting | undefined; mayBeAsked: (outline: string) => boolean }

const witnesses: Witness[] = [
  { sees: sqlparserSighting, mayBeAsked: () => true },
  { sees: antlrSighting, mayBeAsked: isSmall },
]

/** Throws when no other parser confirms what a walk has found, or the one that is asked sees more. */
export function askWitnesses(walk: Walk, known: ReadonlySet<string>): void {
  for (const { from, to, kind } of walk.cores) {
    const found = sightingOf(walk, from, to)
    if (found) compare(found.sighting, found.outline, kind, known)
    else if (kind !== 'schema') throw new CannotTell('no second parser of MySQL reads the statement')
  }
}

/** As written first: whether a word is a name is for each parser to say. Then with every name quoted. */
function sightingOf(
  walk: Walk,
  from: number,
  to: number,
): { sighting: Sighting; outline: Outline } | undefined {
  const outlines = [false, true].map((quoted) => () => outlineOf(walk.r, from, to, quoted))
  for (const { sees, mayBeAsked } of witnesses)
    for (const outlined of outlines) {
      const outline = outlined()
      const sighting = mayBeAsked(outline.text) ? sees(outline.text) : undefined
      if (sighting) return { sighting, outline }
    }
  return undefined
}

const maxOutline = 1_500
const maxDepth = 8
const maxQueries = 7

/** The parser made by antlr takes seconds for what is nested deeply or made of many queries. */
function isSmall(outline: string): boolean {
  if (outline.length > maxOutline || (outline.match(/\bSELECT\b/g) ?? []).length > maxQueries) return false
  let depth = 0
  for (const [bracket] of outline.matchAll(/[()]/g)) {
    depth += bracket === '(' ? 1 : -1
    if (depth > maxDepth) return false
  }
  return true
}

function compare(
  { tables, calls, kind }: Sighting,
  { names }: Outline,
  own: Core,
  known: ReadonlySet<string>,
): void {
  if (own === 'query' && kind !== 'query')
    throw new CannotTell('another parser sees a change in the statement')
  if (own !== 'schema' && calls.length > 0)
    throw new CannotTell(`another parser sees a call of ${calls[0]?.slice(0, 80)}`)
  for (const path of tables) {
    const written = path.map((part) => names.get(part) ?? part).join('.')
    if (!known.has(written))
      throw new CannotTell(`another parser sees ${written.slice(0, 80)} in the statement`)
  }
}
