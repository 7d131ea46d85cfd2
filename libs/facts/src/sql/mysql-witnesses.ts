// A second opinion. What was read here stands only when a parser by others accepts the outline of the statement and
// sees the same tables in it; none that is asked may see another one, or a call or a change that is missing.
// sqlparser-rs is asked first; what it does not confirm is shown to dt-sql-parser, which takes much longer to load
// and to get going.
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

/** Throws when no other parser confirms what a walk has found, or one that is asked sees more. */
export function askWitnesses(walk: Walk): void {
  const known = new Set([...walk.otherNames, ...walk.tableNames.map(({ name }) => name)])
  for (const { from, to, kind } of walk.cores) {
    const shown = walk.tableNames.filter(({ at }) => at >= from && at < to && !walk.r.shown.has(at))
    const needed = new Set(kind === 'schema' ? [] : shown.map(({ name }) => name))
    const confirmed = sightings(walk, from, to).some(({ sighting, outline }) => {
      const seen = sighting.tables.map((path) =>
        path.map((part) => outline.names.get(part) ?? part).join('.'),
      )
      refuseMore(sighting, seen, kind, known)
      return needed.isSubsetOf(new Set(seen))
    })
    if (!confirmed && kind !== 'schema')
      throw new CannotTell('no second parser of MySQL confirms what was read')
  }
}

type Shown = { sighting: Sighting; outline: Outline }

/** What each parser sees, asked one after the other, as long as another answer is wanted. */
function* sightings(walk: Walk, from: number, to: number): Generator<Shown> {
  for (const { sees, mayBeAsked } of witnesses)
    // As written first: whether a word is a name is for each parser to say. Then with every name quoted.
    for (const quoted of [false, true]) {
      const outline = outlineOf(walk.r, from, to, quoted)
      const sighting = mayBeAsked(outline.text) ? sees(outline.text) : undefined
      if (sighting) yield { sighting, outline }
    }
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

function refuseMore({ calls, kind }: Sighting, seen: string[], own: Core, known: ReadonlySet<string>): void {
  if (own === 'query' && kind !== 'query')
    throw new CannotTell('another parser sees a change in the statement')
  if (own !== 'schema' && calls.length > 0)
    throw new CannotTell(`another parser sees a call of ${calls[0]?.slice(0, 80)}`)
  const more = seen.find((name) => !known.has(name))
  if (more !== undefined) throw new CannotTell(`another parser sees ${more.slice(0, 80)} in the statement`)
}
