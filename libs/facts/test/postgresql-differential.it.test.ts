// The facts against PostgreSQL itself. Statements, generated and written, are run by a superuser in no transaction:
// one that is said to only read must leave everything as it was, every table that the server locks must be among the
// tables that are said to be read, and the columns that are said to be used must be enough to be allowed to run it.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshDatabase } from '@mcpshield/testkit/fresh'
import { classifyFunction, isKnownOperator, returnsSet } from '../src/sql/postgresql-functions.ts'
import { postgresqlFacts, preparePostgresql, type PostgresqlOptions } from '../src/sql/postgresql.ts'
import type { StatementFacts } from '../src/sql/statement.ts'
import { grammar } from './differential-grammar.ts'
import { randomOf } from './differential-random.ts'
import { fuzzDeadline, fuzzSeconds } from './differential-time.ts'
import { postgresql } from './postgresql-grammar.ts'
import { hazard, wrap } from './postgresql-hazards.ts'
import { differences, stateReader, type StateReader } from './postgresql-state.ts'
import { worldDdl, worldTables } from './postgresql-world.ts'
import { spec } from './spec.ts'

type Line = { group: string; sql: string }

let database: Awaited<ReturnType<typeof freshDatabase>>
let client: pg.Client
let readState: StateReader
let notifications = 0
/** `schema.table` → its columns, as the server lists them. */
const columns: Record<string, string[]> = {}
/** What stands behind a view, a partitioned table or a table with children. */
const behind = new Map<string, string[]>()

beforeAll(async () => {
  await preparePostgresql()
  database = await freshDatabase()
  client = await connect()
  await client.query(worldDdl)
  // The server would store what it learns of rows when they are next read.
  await client.query('VACUUM (FREEZE, ANALYZE)')
  await client.query(`CREATE ROLE ${role()}; GRANT USAGE ON SCHEMA app, hr, sales TO ${role()}`)
  client.on('notification', () => notifications++)
  await readCatalogue()
  await client.query(`SET statement_timeout = '2s'`)
  readState = await stateReader(client)
})
afterAll(async () => {
  await client.query(`DROP OWNED BY ${role()}; DROP ROLE ${role()}`)
  await client.end()
  await database[Symbol.asyncDispose]()
})

const role = () => `reader_${database.name}`

async function connect(): Promise<pg.Client> {
  const made = new pg.Client({ connectionString: database.url })
  await made.connect()
  return made
}

async function readCatalogue(): Promise<void> {
  const listed = await client.query<{ table: string; column: string }>(
    `SELECT n.nspname || '.' || c.relname AS table, attname AS column FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
     JOIN pg_namespace n ON n.oid = relnamespace WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'v', 'm', 'p', 'S')
     ORDER BY attrelid, attnum`,
  )
  for (const { table, column } of listed.rows) (columns[table] ??= []).push(column)
  const links = await client.query<{ outer: string; inner: string }>(
    `SELECT n.nspname || '.' || c.relname AS outer, m.nspname || '.' || d.relname AS inner FROM (
       SELECT inhparent AS a, inhrelid AS b FROM pg_inherits UNION
       SELECT r.ev_class, refobjid FROM pg_rewrite r JOIN pg_depend p ON p.objid = r.oid AND p.refclassid = 'pg_class'::regclass
     ) l JOIN pg_class c ON c.oid = a JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_class d ON d.oid = b JOIN pg_namespace m ON m.oid = d.relnamespace WHERE a <> b`,
  )
  for (const { outer, inner } of links.rows) behind.set(outer, [...(behind.get(outer) ?? []), inner])
}

const run = (sql: string) =>
  client.query({ text: sql, queryMode: 'extended' } as pg.QueryConfig).then(
    () => undefined,
    (error: unknown) => error as pg.DatabaseError,
  )

const searchPath = ['public']
const facts = (sql: string, options: PostgresqlOptions = { searchPath }) => postgresqlFacts(sql, options)
const isReadOnly = (sql: string) => {
  const found = facts(sql)
  return !('unknown' in found) && found.read_only
}

/** Runs statements one after the other and names the first that changed something; undefined when none did. */
async function firstThatChanges(
  statements: string[],
  before: Record<string, string>,
): Promise<string | undefined> {
  const notified = notifications
  for (const sql of statements) await run(sql)
  if (differences(before, await readState()).length === 0 && notified === notifications) return undefined
  for (const sql of statements) {
    const state = await readState()
    await run(sql)
    const changed = differences(state, await readState())
    if (changed.length > 0) return `${sql} changes ${changed.join()}`
  }
  return `one of ${statements.join(';\n')}`
}

/** The tables of the database that the server locks to plan a statement; undefined where it cannot be planned. */
async function lockedBy(sql: string): Promise<string[] | undefined> {
  await client.query('BEGIN')
  try {
    await client.query(/^explain/i.test(sql) ? sql : `EXPLAIN ${sql}`)
    const { rows } = await client.query<{ name: string }>(
      `SELECT DISTINCT n.nspname || '.' || c.relname AS name FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
       JOIN pg_namespace n ON n.oid = c.relnamespace WHERE l.pid = pg_backend_pid() AND relkind IN ('r', 'v', 'm', 'p')
       AND nspname !~ '^pg_|^information_schema$'`,
    )
    return rows.map(({ name }) => name)
  } catch {
    return undefined
  } finally {
    await client.query('ROLLBACK')
  }
}

function withBehind(names: string[]): Set<string> {
  const all = new Set(names)
  for (const name of all) for (const inner of behind.get(name) ?? []) all.add(inner)
  return all
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** Whether a role may plan the statement that has the rights to nothing but the fields that are said to be used. */
async function isEnough(sql: string, { accesses }: StatementFacts): Promise<true | string> {
  await client.query('BEGIN')
  try {
    for (const { resource, fields } of accesses) {
      if (typeof resource !== 'string' || !columns[resource]) continue
      const all = columns[resource]
      const used = Array.isArray(fields) ? all.filter((column) => fields.includes(column)) : all
      const table = resource.split('.').map(quoted).join('.')
      const list = (used.length > 0 ? used : all.slice(0, 1)).map(quoted).join(', ')
      await client.query(`GRANT SELECT (${list}) ON ${table} TO ${role()}`)
    }
    await client.query(`SET LOCAL ROLE ${role()}`)
    await client.query(/^explain/i.test(sql) ? sql : `EXPLAIN ${sql}`)
    return true
  } catch (error) {
    // Only the lack of a right says something here.
    return (error as pg.DatabaseError).code === '42501' ? (error as Error).message : true
  } finally {
    await client.query('ROLLBACK')
  }
}

describe('generated statements', () => {
  test(
    'of a reader change nothing, and name every table and every column',
    { timeout: fuzzTimeoutMs() },
    async () => {
      const deadline = fuzzDeadline()
      const tally = { tried: 0, valid: 0 }
      let state = await readState()
      let batch: string[] = []
      for (let seed = deadline.seed; deadline.goesOn(tally.valid, 800); seed++) {
        tally.tried++
        const random = randomOf(seed)
        const make = grammar(random, postgresql, worldTables)
        const query = make.query(undefined, undefined, 1 + random.below(3)).sql
        const sql = random.chance(0.1) ? `EXPLAIN ${query}` : query
        const locked = await lockedBy(sql)
        if (!locked) continue
        tally.valid++
        const found = facts(sql)
        const says = `seed ${seed}: ${sql}`
        if ('unknown' in found) throw new Error(`${says} is refused: ${found.unknown}`)
        expect(found.read_only, `${says} is refused: ${JSON.stringify(found.accesses)}`).toBe(true)
        const named = withBehind(found.reads)
        expect(
          locked.filter((name) => !named.has(name)),
          `${says} reads more`,
        ).toEqual([])
        expect(
          found.reads.filter((name) => !locked.includes(name)),
          `${says} reads less`,
        ).toEqual([])
        expect(await isEnough(sql, found), `${says} uses more`).toBe(true)
        const exact = facts(sql, { searchPath, schema: columns })
        if ('unknown' in exact) throw new Error(`${says} with columns known: ${exact.unknown}`)
        expect(exact.read_only, `${says} with columns known: ${JSON.stringify(exact.accesses)}`).toBe(true)
        expect(await isEnough(sql, exact), `${says} with columns known uses more`).toBe(true)
        batch.push(sql)
        if (batch.length < 50) continue
        expect(await firstThatChanges(batch, state)).toBeUndefined()
        batch = []
        state = await readState()
      }
      expect(await firstThatChanges(batch, state)).toBeUndefined()
      console.log(tally)
      expect(tally.valid).toBeGreaterThan(tally.tried * 0.8)
    },
  )

  test('with something hidden in them are found out', { timeout: fuzzTimeoutMs() }, async () => {
    const deadline = fuzzDeadline()
    const tally = { tried: 0, readOnly: 0, ran: 0 }
    let state = await readState()
    let batch: string[] = []
    for (let seed = deadline.seed; deadline.goesOn(tally.tried, 2_500); seed++) {
      tally.tried++
      const random = randomOf(seed)
      const hidden: string[] = []
      const put = (type: Parameters<typeof hazard>[1]) => {
        if (!random.chance(0.05)) return undefined
        const dangerous = hazard(random, type)
        hidden.push(dangerous)
        return dangerous
      }
      const { sql } = grammar(random, postgresql, worldTables, { hazard: put }).query(
        undefined,
        undefined,
        1 + random.below(3),
      )
      const statement = random.chance(0.5) ? wrap(random, sql) : sql
      if (!isReadOnly(statement)) continue
      tally.readOnly++
      // A plan locks no row.
      if (!/^explain (?!analyze|\(analyze)/i.test(statement))
        expect(
          hidden.filter((each) => statement.includes(each)),
          `seed ${seed}: ${statement}`,
        ).toEqual([])
      batch.push(statement)
      if (batch.length < 50) continue
      tally.ran += batch.length
      expect(await firstThatChanges(batch, state)).toBeUndefined()
      batch = []
      state = await readState()
    }
    console.log(tally)
    expect(tally.readOnly).toBeGreaterThan(tally.tried / 10)
  })

  test('would be seen to change something', async () => {
    const unseen: string[] = []
    for (const sql of [
      `SELECT nextval('s')`,
      'SELECT app.bump()',
      `SELECT set_config('work_mem', '7MB', false)`,
      'SELECT pg_advisory_lock(3)',
      'SELECT lo_creat(-1)',
      'EXPLAIN ANALYZE CREATE TABLE left_behind AS SELECT 1',
      'CREATE TEMP TABLE left_behind AS SELECT 1',
      'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
      'PREPARE p AS SELECT 1',
      'LISTEN c',
      `COMMENT ON TABLE users IS 'x'`,
    ]) {
      const before = await readState()
      await run(sql)
      if (differences(before, await readState()).length === 0) unseen.push(sql)
    }
    expect(unseen).toEqual([])
    await client.query('DISCARD ALL')
    await client.query(`LISTEN c; SET statement_timeout = '2s'; DROP TABLE left_behind`)
  })
})

test('harmless statements run, change nothing and name their tables', { timeout: 60_000 }, async () => {
  const state = await readState()
  const lines = spec<Line>('postgresql-harmless.jsonl').filter(
    ({ sql }) => !/\$\d/.test(sql.replaceAll(/'[^']*'/g, '')),
  )
  for (const { sql } of lines) {
    const error = await run(sql)
    expect(error?.message, sql).toBeUndefined()
    const found = facts(sql)
    if ('unknown' in found) throw new Error(`${sql}: ${found.unknown}`)
    const locked = await lockedBy(sql.replace(/;.*$/s, ''))
    const named = withBehind([...found.reads, ...found.writes])
    expect(
      (locked ?? []).filter((name) => !named.has(name)),
      sql,
    ).toEqual([])
  }
  expect(
    await firstThatChanges(
      lines.map(({ sql }) => sql),
      state,
    ),
  ).toBeUndefined()
})

describe('what PostgreSQL has of its own', () => {
  test('operators are all known, and none is volatile', async () => {
    const { rows } = await client.query<{ name: string; volatile: string }>(
      `SELECT oprname AS name, provolatile AS volatile FROM pg_operator o JOIN pg_proc p ON p.oid = oprcode
       WHERE oprnamespace = 'pg_catalog'::regnamespace`,
    )
    expect(rows.filter(({ name }) => !isKnownOperator(name))).toEqual([])
    expect(rows.filter(({ volatile }) => volatile === 'v')).toEqual([])
  })

  test('volatile functions are only allowed where they were looked at', async () => {
    const { rows } = await client.query<{ name: string; args: number; set: boolean }>(
      `SELECT proname AS name, pronargs AS args, proretset AS set FROM pg_proc
       WHERE pronamespace = 'pg_catalog'::regnamespace AND provolatile = 'v'`,
    )
    const pure = rows
      .filter(({ name, args }) => classifyFunction(name, args, false) === 'pure')
      .map(({ name }) => name)
    expect([...new Set(pure)].toSorted()).toEqual(lookedAt.toSorted())
  })

  test('functions that answer many rows are known as such', async () => {
    const { rows } = await client.query<{ name: string; args: number }>(
      `SELECT proname AS name, pronargs AS args FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proretset`,
    )
    const pure = rows.filter(({ name, args }) => classifyFunction(name, args, false) === 'pure')
    expect(pure.filter(({ name }) => !returnsSet(name))).toEqual([])
  })
})

// Volatile because they answer anew each time; none of them changes, waits for or reaches anything.
const lookedAt =
  `array_sample array_shuffle clock_timestamp current_query gen_random_uuid lastval pg_blocking_pids
  pg_collation_actual_version pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
  pg_database_collation_actual_version pg_database_size pg_get_wait_events pg_indexes_size pg_is_in_recovery
  pg_is_wal_replay_paused pg_jit_available pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
  pg_notification_queue_usage pg_partition_ancestors pg_partition_tree pg_relation_size pg_safe_snapshot_blocking_pids
  pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched
  pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated pg_table_size
  pg_tablespace_size pg_total_relation_size pg_xact_commit_timestamp pg_xact_status random random_normal timeofday
  txid_status uuidv4 uuidv7`.split(/\s+/)

function fuzzTimeoutMs(): number {
  return 60_000 + fuzzSeconds() * 1_000
}
