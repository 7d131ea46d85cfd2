// How fast facts are drawn, beside the bare parser of each dialect on the same statements. `npm run bench -- facts`.
import { DatabaseSync } from 'node:sqlite'
import { table } from '@mcpshield/infra/dev/table.ts'
import { mongodbFacts } from '@mcpshield/facts/mongodb'
import { redisFacts } from '@mcpshield/facts/redis'
import { mysqlFacts } from '@mcpshield/facts/sql/mysql'
import { prepareSqlparser } from '@mcpshield/facts/sql/mysql-sqlparser'
import { postgresqlFacts, preparePostgresql } from '@mcpshield/facts/sql/postgresql'
import { sqliteFacts } from '@mcpshield/facts/sql/sqlite'
import { loadModule, parseSync } from 'libpg-query'

export type FactsRow = {
  dialect: string
  size: 'short' | '4 KB'
  bytes: number
  perSecond: number
  bareName: string
  barePerSecond: number
}

const SLICES = 8
const SLICE_MS = 150

export async function benchFacts(): Promise<FactsRow[]> {
  await Promise.all([preparePostgresql(), loadModule()])
  return cases().map(({ dialect, size, input, ours, bare, bareName }) => {
    const facts = ours() as { unknown?: string }
    if (facts.unknown !== undefined) throw new Error(`${dialect}, ${size}: ${facts.unknown}`)
    // In turns: whatever else the machine does meets both.
    const us = { ours: Infinity, bare: Infinity }
    for (let i = 0; i < SLICES; i++) {
      us.ours = Math.min(us.ours, sliceUs(ours))
      us.bare = Math.min(us.bare, sliceUs(bare))
    }
    const bytes = Buffer.byteLength(typeof input === 'string' ? input : JSON.stringify(input))
    return { dialect, size, bytes, perSecond: 1e6 / us.ours, bareName, barePerSecond: 1e6 / us.bare }
  })
}

/** Microseconds of CPU time for each run. */
function sliceUs(run: () => unknown): number {
  let done = 0
  const before = process.cpuUsage()
  const endMs = performance.now() + SLICE_MS
  while (performance.now() < endMs) {
    run()
    done++
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / done
}

type Case = {
  dialect: string
  size: FactsRow['size']
  input: unknown
  ours: () => unknown
  bare: () => unknown
  bareName: string
}

function cases(): Case[] {
  return (['short', '4 KB'] as const).flatMap((size) => {
    const sql = size === 'short' ? SHORT_SQL : longSql()
    const command = size === 'short' ? SHORT_COMMAND : longCommand()
    const argv = size === 'short' ? ['GET', 'session:1'] : ['MGET', ...names(220, 'cache:session:')]
    const documentText = JSON.stringify(command)
    const argvText = JSON.stringify(argv)
    const sqlparser = prepareSqlparser()
    const database = sqliteDatabase()
    return [
      {
        dialect: 'PostgreSQL',
        size,
        input: sql,
        ours: () => postgresqlFacts(sql),
        bare: () => parseSync(sql),
        bareName: 'libpg-query',
      },
      {
        dialect: 'MySQL',
        size,
        input: sql,
        ours: () => mysqlFacts(sql),
        bare: () => sqlparser.parse_sql('mysql', sql),
        bareName: 'sqlparser-rs',
      },
      {
        dialect: 'SQLite',
        size,
        input: sql,
        ours: () => sqliteFacts(sql),
        bare: () => database.prepare(sql),
        bareName: 'prepare on its schema',
      },
      {
        dialect: 'MongoDB',
        size,
        input: command,
        ours: () => mongodbFacts(command),
        bare: () => JSON.parse(documentText) as unknown,
        bareName: 'JSON.parse',
      },
      {
        dialect: 'Redis',
        size,
        input: argv,
        ours: () => redisFacts(argv),
        bare: () => JSON.parse(argvText) as unknown,
        bareName: 'JSON.parse',
      },
    ]
  })
}

const SHORT_SQL = 'select id, total from orders where customer_id = 42 order by id limit 10'
const SHORT_COMMAND = {
  find: 'orders',
  filter: { customer_id: 42, status: { $in: ['paid', 'sent'] } },
  limit: 10,
}

/** A report of some 4,000 bytes over several tables, with expressions of every common kind. */
function longSql(): string {
  const part = (i: number) =>
    `select o.id, upper(c.name) as customer${i}, coalesce(sum(o.total), 0) as total, count(*) as n ` +
    `from orders o join customers c on c.id = o.customer_id left join regions r on r.id = c.region_id ` +
    `where o.status in ('paid', 'sent', 'open') and o.total between ${i} and ${i}000 and c.name like 'a%' ` +
    `and exists (select 1 from regions x where x.id = r.id) group by o.id, c.name having count(*) > ${i}`
  return Array.from({ length: 10 }, (_, i) => part(i)).join(' union all ')
}

function sqliteDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  database.exec(`create table orders (id integer, customer_id integer, total real, status text);
    create table customers (id integer, name text, region_id integer); create table regions (id integer)`)
  return database
}

function longCommand(): object {
  const match = (i: number) => ({ $match: { status: { $in: names(10, 'state') }, total: { $gt: i } } })
  const group = { $group: { _id: '$customer_id', total: { $sum: '$total' }, n: { $sum: 1 } } }
  return {
    aggregate: 'orders',
    pipeline: [...Array.from({ length: 28 }, (_, i) => match(i)), group, { $sort: { total: -1 } }],
    cursor: {},
  }
}

const names = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

/** The figures as a table. */
export function factsTable(rows: FactsRow[]): string {
  return table(
    ['dialect', 'statement', 'bytes', 'facts/s', 'bare parser', 'bare/s', 'cost ÷ bare'],
    rows.map((row) => [
      row.dialect,
      row.size,
      String(row.bytes),
      row.perSecond.toFixed(0),
      row.bareName,
      row.barePerSecond.toFixed(0),
      (row.barePerSecond / row.perSecond).toFixed(2),
    ]),
  )
}
