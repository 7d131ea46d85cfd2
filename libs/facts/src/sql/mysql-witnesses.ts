// Two parsers by others, each asked what it sees in the outline of a statement. What was read here stands only when
// one of them at least accepts the outline, and none that does sees a table, a call or a change that is missing.
import { CannotTell } from './statement.ts'
import { antlrSighting } from './mysql-antlr.ts'
import type { Walk } from './mysql-names.ts'
import { outlineOf, type Outline } from './mysql-outline.ts'
import { sqlparserSighting, type Sighting } from './mysql-sqlparser.ts'

const witnesses: ((outline: string) => Sighting | undefined)[] = [sqlparserSighting, antlrSighting]

/** Throws when no other parser confirms what a walk has found, or one sees more. */
export function askWitnesses(walk: Walk, known: ReadonlySet<string>): void {
  for (const { from, to, kind } of walk.cores) {
    // As written first: whether a word is a name is for each parser to say. Then with every name quoted.
    const written = outlineOf(walk.r, from, to, false)
    let accepted = false
    let quoted: Outline | undefined
    for (const witness of witnesses) {
      let outline = written
      let sighting = witness(written.text)
      if (!sighting) {
        outline = quoted ??= outlineOf(walk.r, from, to, true)
        sighting = witness(outline.text)
      }
      if (!sighting) continue
      accepted = true
      compare(sighting, outline, kind, known)
    }
    if (!accepted) throw new CannotTell('no second parser of MySQL reads the statement')
  }
}

function compare({ tables, kind }: Sighting, { names }: Outline, own: 'query' | 'change', known: ReadonlySet<string>): void {
  if (own === 'query' && kind !== 'query') throw new CannotTell('another parser sees a change in the statement')
  for (const path of tables) {
    const written = path.map((part) => names.get(part) ?? part).join('.')
    if (!known.has(written)) throw new CannotTell(`another parser sees ${written} in the statement`)
  }
}
