// A script of SQLite → the CREATE statements of the database it makes, as the engine itself keeps them.
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** Runs the CREATE statements of a script in an empty database in memory; the others are read and passed over. */
export function sqliteSchema(script: string): string[] {
  using db = new DatabaseSync(':memory:', { allowExtension: false })
  // A dump makes the shadow tables of virtual tables too, which is refused otherwise. There is nothing here to defend.
  db.enableDefensive(false)
  let rest = script
  while (rest.trim() !== '') {
    const statement = prepare(db, rest)
    if (statement === undefined) break
    const text = statement.sourceSQL
    if (text === '' || !rest.startsWith(text)) throw new Error('where a statement ends cannot be told')
    if (/^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*create\b/i.test(text)) statement.run()
    rest = rest.slice(text.length)
  }
  // The shadow tables of a virtual table come with it, and cannot be made by hand.
  const rows = db
    .prepare(
      `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT IN
         (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')`,
    )
    .all()
  return rows.map(({ sql }) => String(sql))
}

/** The first statement of a text; undefined when only comments are left. */
function prepare(db: DatabaseSync, sql: string): StatementSync | undefined {
  try {
    return db.prepare(sql)
  } catch (error) {
    if (error instanceof Error && error.message.includes('contains no statements')) return undefined
    throw error
  }
}
