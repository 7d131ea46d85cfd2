// Which tables a statement really opens. A join by equal names reads columns of which the authorizer is not told;
// the program that SQLite made of the statement names the root page of every table and index it opens.
import type { DatabaseSync } from 'node:sqlite'

type Step = { opcode: string; p2: number; p3: number; p5: number }
const OPENS = /^(OpenRead|OpenWrite|ReopenIdx)$/
const MAIN = 0
/** The page is in a register, that of a table being made. */
const PAGE_IN_REGISTER = 0x10

/** The tables of the main database that a statement opens; undefined when one of them cannot be told. */
export function openedTables(database: DatabaseSync, sql: string): string[] | undefined {
  let steps: Step[]
  try {
    // An empty statement before the first is nothing.
    steps = database.prepare(`EXPLAIN ${sql.replace(/^[\s;]+/, '')}`).all() as Step[]
  } catch (error) {
    // Of a statement that is an EXPLAIN itself nothing is run.
    return /near "explain": syntax error/i.test((error as Error).message) ? [] : undefined
  }
  const owners = new Map(
    (database.prepare('SELECT rootpage, tbl_name FROM sqlite_schema').all() as Owner[]).map(
      ({ rootpage, tbl_name }) => [rootpage, tbl_name],
    ),
    // By the name that the authorizer and the facts have for it.
  ).set(1, 'sqlite_master')
  const opened = new Set<string>()
  for (const { opcode, p2, p3, p5 } of steps) {
    if (!OPENS.test(opcode)) continue
    const owner = owners.get(p2)
    if (p3 !== MAIN || (p5 & PAGE_IN_REGISTER) !== 0 || owner === undefined) return undefined
    opened.add(owner)
  }
  return [...opened]
}

type Owner = { rootpage: number; tbl_name: string }

/** The columns of some tables, the hidden and the computed ones too. */
export function columnsOf(
  database: DatabaseSync,
  tables: string[],
): Map<string, { name: string; generated: boolean }[]> {
  const columns = database.prepare('SELECT name, hidden FROM pragma_table_xinfo(?)')
  return new Map(
    tables.map((table) => [
      table.toLowerCase(),
      (columns.all(table) as { name: string; hidden: number }[]).map(({ name, hidden }) => ({
        name,
        generated: hidden >= 2,
      })),
    ]),
  )
}

/** Whether a join by equal names can be part of a statement: in its own text, or in that of a view it uses. */
export function mayMerge(database: DatabaseSync, sql: string, used: ReadonlySet<string>): boolean {
  const views = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view'").all() as View[]
  const texts = views.filter(({ name }) => used.has(name.toLowerCase())).map((view) => view.sql)
  return [sql, ...texts].some((text) => /\b(natural|using)\b/i.test(text))
}

type View = { name: string; sql: string }
