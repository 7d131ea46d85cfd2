// DELETE: from one table, or from several of those that are joined.
import { CannotTell } from './statement.ts'
import { condition, modifiers, portion, returning } from './mysql-changes.ts'
import { addTable, resourceOf, type Scope, type Walk } from './mysql-names.ts'
import { from, tableFactor } from './mysql-from.ts'
import {
  accept,
  acceptSign,
  expect,
  expectSign,
  hide,
  is,
  isAt,
  isSign,
  list,
  name,
  next,
} from './mysql-reader.ts'

/** Reads a DELETE. */
export function remove(walk: Walk, block: Scope): void {
  const { r } = walk
  expect(r, 'DELETE')
  modifiers(walk, 'LOW_PRIORITY', 'QUICK', 'IGNORE')
  const start = r.at
  // To one server these are the rows that a table once had, to another a table of that name.
  if (is(r, 'HISTORY') && isAt(r, 1, 'FROM')) throw new CannotTell('DELETE HISTORY is not known here')
  const fromFirst = accept(r, 'FROM')
  const targets = deleteTargets(walk)
  if (fromFirst && !is(r, 'USING')) {
    r.at = start + 1
    tableFactor(walk, block, { alias: true })
    const [target] = block.items
    if (target?.resource === undefined) throw new CannotTell('which table is emptied cannot be told')
    target.operation = 'write'
    target.allFields = true
    portion(walk, block)
  } else {
    expect(r, fromFirst ? 'USING' : 'FROM')
    from(walk, block)
    for (const path of targets) deleteFrom(walk, block, path)
  }
  condition(walk, block)
  returning(walk, block)
}

function deleteTargets(walk: Walk): string[][] {
  const { r } = walk
  const targets: string[][] = []
  list(r, () => {
    const path = [name(r)]
    const end = () => isSign(r, '*', 1)
    while (isSign(r, '.') && !end()) {
      next(r)
      path.push(name(r))
    }
    const star = r.at
    if (acceptSign(r, '.')) expectSign(r, '*')
    hide(r, star)
    targets.push(path)
  })
  return targets
}

/** A table to delete from, by the name it has in the list of tables; one that is not there is taken as written. */
function deleteFrom(walk: Walk, block: Scope, path: string[]): void {
  const own = (path.at(-1) as string).toLowerCase()
  walk.otherNames.add(path.join('.'))
  const tables = block.items.filter((item) => item.resource !== undefined)
  const named = tables.filter((item) => item.name.toLowerCase() === own)
  const meant =
    named.length > 0 ? named : [addTable(walk, block, undefined, { path, resource: resourceOf(walk, path) })]
  for (const item of meant) {
    item.operation = 'write'
    item.allFields = true
  }
}
