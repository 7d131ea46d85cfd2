// The facts against SQLite itself, on a database in a file: what is said to only read must leave the file, the folder,
// the session and the schema as they were; every table that the engine opens or is asked for, and every column, must
// be among those that are said to be read.
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, test } from 'vitest'
import { isModule, isPureFunction, isReadingTable, isTableFunction } from '../src/sql/sqlite-names.ts'
import { sqliteFacts } from '../src/sql/sqlite.ts'
import type { StatementFacts } from '../src/sql/statement.ts'
import { grammar } from './differential-grammar.ts'
import { randomOf, type Random } from './differential-random.ts'
import { fuzzDeadline, fuzzSeconds } from './differential-time.ts'
import { spec } from './spec.ts'
import { sqlite } from './sqlite-grammar.ts'
import { worldRows, worldSchema, worldTables } from './sqlite-world.ts'

type Line = { group: string; sql: string }

const folder = mkdtempSync(join(tmpdir(), 'mcpshield-sqlite-'))
const file = join(folder, 'world.db')
const db = new DatabaseSync(file, { enableForeignKeyConstraints: true, readBigInts: true })
for (const statement of worldSchema) db.exec(statement)
db.exec(worldRows)
const oracle = new DatabaseSync(file)
afterAll(() => {
  db.close()
  oracle.close()
  rmSync(folder, { recursive: true })
})

// What a session remembers, as far as the engine tells it.
const remembered =
  `application_id auto_vacuum automatic_index busy_timeout cache_size cell_size_check defer_foreign_keys
  encoding foreign_keys fullfsync ignore_check_constraints journal_mode journal_size_limit legacy_alter_table locking_mode
  max_page_count mmap_size query_only read_uncommitted recursive_triggers reverse_unordered_selects schema_version
  secure_delete soft_heap_limit synchronous temp_store threads trusted_schema user_version wal_autocheckpoint
  writable_schema`.split(/\s+/)

/** Everything that a statement could leave changed. */
function readState(): Record<string, string> {
  const state: Record<string, string> = {
    folder: readdirSync(folder).join(),
    file: createHash('sha256').update(readFileSync(file)).digest('hex'),
    // The temporary database is listed once it was asked for.
    temporary: JSON.stringify(db.prepare('SELECT * FROM sqlite_temp_master').all(), text),
    databases: JSON.stringify(db.prepare('PRAGMA database_list').all(), text),
    transaction: String(db.isTransaction),
  }
  for (const pragma of remembered) state[pragma] = JSON.stringify(db.prepare(`PRAGMA ${pragma}`).all(), text)
  return state
}

const text = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)

function run(sql: string): void {
  try {
    let rows = 0
    for (const _ of db.prepare(sql).iterate()) if (++rows > 200) break
  } catch {
    // An error changes nothing, or is seen to.
  }
}

function firstThatChanges(statements: string[], before: Record<string, string>): string | undefined {
  for (const sql of statements) run(sql)
  const changedParts = (from: Record<string, string>, to: Record<string, string>) =>
    Object.keys(from).filter((part) => from[part] !== to[part])
  const all = changedParts(before, readState())
  if (all.length === 0) return undefined
  for (const sql of statements) {
    const state = readState()
    run(sql)
    const changed = changedParts(state, readState())
    if (changed.length > 0) return `${sql} changes ${changed.join()}`
  }
  return `${all.join()} changed by one of ${statements.join(';\n')}`
}

type Asked = { table: string; column: string; inside: string | null }

/** What the engine itself says of a statement: the columns it asks to read, and the tables whose pages it opens. */
function engineSays(sql: string): { asked: Asked[]; opened: string[] } | undefined {
  const asked: Asked[] = []
  oracle.setAuthorizer((action, table, column, _place, inside) => {
    if (action === constants.SQLITE_READ) asked.push({ table: table ?? '', column: column ?? '', inside })
    return constants.SQLITE_OK
  })
  try {
    oracle.prepare(sql)
    oracle.setAuthorizer(null)
    const steps = oracle.prepare(`EXPLAIN ${sql}`).all() as { opcode: string; p2: number; p3: number }[]
    const roots = new Map(
      (
        oracle.prepare('SELECT rootpage, tbl_name FROM sqlite_schema').all() as {
          rootpage: number
          tbl_name: string
        }[]
      ).map((row) => [row.rootpage, row.tbl_name]),
    )
    const opened = steps
      .filter(({ opcode, p3 }) => /^(OpenRead|OpenWrite|ReopenIdx)$/.test(opcode) && p3 === 0)
      .map(({ p2 }) => (p2 === 1 ? 'sqlite_master' : (roots.get(p2) ?? `page ${p2}`)))
    return { asked, opened }
  } catch {
    return undefined
  } finally {
    oracle.setAuthorizer(null)
  }
}

const views = new Map([
  ['active_users', ['users']],
  ['pay', ['users', 'salaries']],
])
const realTables = new Set([...worldTables.map(({ name }) => name), 'docs', 'boxes', 'counters', 'audit'])

function known(sql: string, options?: Parameters<typeof sqliteFacts>[1]): StatementFacts {
  const facts = sqliteFacts(sql, options)
  if ('unknown' in facts) throw new Error(`${sql} is refused: ${facts.unknown}`)
  return facts
}

/** Tables and columns that the engine names and the facts do not. */
function missing(sql: string, facts: StatementFacts, seesThroughViews: boolean): string[] {
  const says = engineSays(sql)
  if (!says) throw new Error(`${sql} does not compile`)
  const reads = new Set(facts.reads.map((name) => name.toLowerCase()))
  if (!seesThroughViews)
    for (const view of facts.reads) for (const inner of views.get(view.toLowerCase()) ?? []) reads.add(inner)
  // Without a column the name may be that of a common table expression.
  const named = says.asked.filter(({ column }) => column !== '').map(({ table }) => table)
  const tables = [...says.opened, ...named].filter((table) => realTables.has(table))
  const fieldsOf = new Map(
    facts.accesses.map(({ resource, fields }) => [
      typeof resource === 'string' ? resource.toLowerCase() : undefined,
      lowerCase(fields),
    ]),
  )
  const columns = says.asked.filter(({ table, column, inside }) => {
    if (!realTables.has(table) || column === '' || (inside !== null && !seesThroughViews)) return false
    const fields = fieldsOf.get(table.toLowerCase())
    // The row's number has any name.
    return Array.isArray(fields) && !fields.includes(column.toLowerCase()) && column !== 'ROWID'
  })
  return [
    ...tables.filter((table) => !reads.has(table.toLowerCase())),
    ...columns.map(({ table, column }) => `${table}.${column}`),
  ]
}

const lowerCase = (fields: StatementFacts['accesses'][number]['fields']) =>
  Array.isArray(fields) ? fields.map((field) => field.toLowerCase()) : fields

/** A statement around a query, which then does more than read. */
function wrap(random: Random, sql: string): string {
  return random.pick([
    `EXPLAIN ${sql}`,
    `EXPLAIN QUERY PLAN ${sql}`,
    `SELECT count(*) FROM (${sql})`,
    `CREATE TABLE made AS ${sql}`,
    `CREATE TEMP TABLE made AS ${sql}`,
    `CREATE VIEW made AS ${sql}`,
    `INSERT INTO audit SELECT 'a', count(*) FROM (${sql})`,
    `DELETE FROM counters WHERE EXISTS (${sql})`,
    `UPDATE counters SET n = (SELECT count(*) FROM (${sql}))`,
    `${sql}; DELETE FROM counters`,
    `${sql}; PRAGMA user_version = 7`,
    `INSERT INTO orders(note) SELECT 'x' WHERE EXISTS (${sql})`,
    `UPDATE pay SET amount = 1 WHERE EXISTS (${sql})`,
    `INSERT INTO counters VALUES ('x', 1) ON CONFLICT(name) DO UPDATE SET n = (SELECT count(*) FROM (${sql})) RETURNING n`,
    `EXPLAIN DELETE FROM counters WHERE EXISTS (${sql})`,
    `WITH w AS (SELECT count(*) AS n FROM (${sql})) REPLACE INTO counters SELECT 'w', n FROM w`,
  ])
}

describe('generated statements', () => {
  const timeout = 60_000 + fuzzSeconds() * 1_000
  test('of a reader change nothing, and name every table and every column', { timeout }, () => {
    const deadline = fuzzDeadline()
    const tally = { tried: 0, valid: 0, refused: 0 }
    let state = readState()
    let batch: string[] = []
    for (let seed = deadline.seed; deadline.goesOn(tally.valid, 700); seed++) {
      tally.tried++
      const random = randomOf(seed)
      const { sql } = grammar(random, sqlite, worldTables).query(undefined, undefined, 1 + random.below(3))
      if (!engineSays(sql)) continue
      tally.valid++
      const exact = known(sql, { schema: worldSchema })
      expect(exact.read_only, `seed ${seed}: ${sql}`).toBe(true)
      expect(missing(sql, exact, true), `seed ${seed}: ${sql}`).toEqual([])
      const facts = sqliteFacts(sql)
      // Without the schema a statement this strange may be more than can be guessed at.
      if ('unknown' in facts) tally.refused++
      else {
        expect(facts.read_only, `seed ${seed}: ${sql}`).toBe(true)
        expect(missing(sql, facts, false), `seed ${seed}: ${sql}`).toEqual([])
      }
      batch.push(sql)
      if (batch.length < 50) continue
      expect(firstThatChanges(batch, state)).toBeUndefined()
      batch = []
      state = readState()
    }
    expect(firstThatChanges(batch, state)).toBeUndefined()
    console.log(tally)
    expect(tally.refused).toBeLessThanOrEqual(tally.valid / 100)
  })

  test('with something around them are found out', { timeout }, () => {
    const deadline = fuzzDeadline()
    const tally = { tried: 0, readOnly: 0 }
    const state = readState()
    for (let seed = deadline.seed; deadline.goesOn(tally.tried, 500); seed++) {
      tally.tried++
      const random = randomOf(seed)
      const statement = wrap(random, grammar(random, sqlite, worldTables).query(undefined, undefined, 1).sql)
      const all = [sqliteFacts(statement), sqliteFacts(statement, { schema: worldSchema })]
      if (!all.some((facts) => !('unknown' in facts) && facts.read_only)) continue
      tally.readOnly++
      expect(firstThatChanges([statement], state)).toBeUndefined()
    }
    console.log(tally)
    expect(tally.readOnly).toBeGreaterThan(tally.tried / 20)
    expect(tally.readOnly).toBeLessThan(tally.tried / 2)
  })

  test('would be seen to change something', () => {
    for (const sql of [
      'INSERT INTO audit VALUES (1, 2)',
      'PRAGMA user_version = 3',
      'PRAGMA cache_size = 77',
      `ATTACH '${join(folder, 'other.db')}' AS other`,
      'CREATE TEMP TABLE left_behind(a)',
      'BEGIN',
    ]) {
      const before = readState()
      run(sql)
      expect(readState(), sql).not.toEqual(before)
    }
    db.exec('ROLLBACK; DETACH other; DROP TABLE temp.left_behind')
  })
})

test('harmless statements run, change nothing and name their tables and columns', () => {
  const state = readState()
  const lines = spec<Line>('sqlite-harmless.jsonl').map(({ sql }) => sql)
  for (const sql of lines) {
    expect(() => db.prepare(sql), sql).not.toThrow()
    if (/^\s*(explain|pragma)/i.test(sql) || /;\s*select/i.test(sql)) continue
    expect(missing(sql, known(sql, { schema: worldSchema }), true), sql).toEqual([])
    expect(missing(sql, known(sql), false), sql).toEqual([])
  }
  expect(firstThatChanges(lines, state)).toBeUndefined()
})

describe('what SQLite has of its own', () => {
  test('functions are all known, but for those that do more than compute', () => {
    const rows = db.prepare('SELECT DISTINCT name FROM pragma_function_list ORDER BY 1').all() as {
      name: string
    }[]
    expect(rows.map(({ name }) => name).filter((name) => !isPureFunction(name))).toEqual([
      'fts3_tokenizer',
      'fts5',
      'geopoly_debug',
      'load_extension',
      'optimize',
      'rtreecheck',
      'sqlite_log',
    ])
  })

  test('tables are all known, or refused', () => {
    const modules = db.prepare('SELECT name FROM pragma_module_list').all() as { name: string }[]
    for (const { name } of modules) {
      expect(isModule(name) || isTableFunction(name) || name.startsWith('pragma_'), name).toBe(true)
      if (!engineSays(`SELECT * FROM ${name}`)) continue
      const facts = sqliteFacts(`SELECT * FROM ${name}`)
      const allowed = !('unknown' in facts) && facts.read_only
      expect(allowed && !isReadingTable(name) && !isTableFunction(name), name).toBe(false)
    }
  })
})
