// What outputSources() promises, on the engine: the same query over two copies of the data that differ in one column.
// An output that differs must name that column, unless the column decides on which rows there are.
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '@mcpshield/testkit/fresh'
import { preparePostgresql } from '../src/sql/postgresql.ts'
import { outputSources, rowSources } from '../src/sql/postgresql-lineage.ts'
import { grammar, type Column, type Table, type Type } from './differential-grammar.ts'
import { fuzzDeadline, fuzzSeconds } from './differential-time.ts'
import { randomOf } from './differential-random.ts'
import { postgresql } from './postgresql-grammar.ts'

const columns = (list: Record<string, Type>): Column[] =>
  Object.entries(list).map(([name, type]) => ({ name, type }))

const tables: Table[] = [
  {
    schema: '',
    name: 'users',
    columns: columns({
      id: 'int',
      name: 'text',
      email: 'text',
      active: 'bool',
      tags: 'texts',
      profile: 'json',
    }),
  },
  {
    schema: '',
    name: 'orders',
    columns: columns({ id: 'int', total: 'num', placed: 'date', note: 'text' }),
  },
]

const typeNames: Record<Type, string> = {
  int: 'int',
  num: 'numeric',
  text: 'text',
  bool: 'bool',
  date: 'date',
  json: 'jsonb',
  texts: 'text[]',
}

// Another value of the same type, of another length and another place in the order.
const otherValue: Record<Type, string> = {
  int: '91 - 3 * ?',
  num: '77.7 - ? * 3',
  text: "'Zy,' || reverse(?) || '@q'",
  bool: 'NOT ?',
  date: '? - 1000',
  json: `jsonb_build_object('n', 9 - (? ->> 'n')::int, 's', reverse(? ->> 's') || 'k', 'l', jsonb_build_array('z'))`,
  texts: "array_prepend('b', ?) || 'c'::text",
}

const values: Record<Type, string> = {
  int: 'g',
  num: 'g * 2.5',
  text: "'a' || g || ',b'",
  bool: 'g % 2 = 0',
  date: "date '2020-01-30' + g",
  json: "jsonb_build_object('n', g, 's', 'x' || g, 'l', jsonb_build_array('a', 'b'))",
  texts: "ARRAY['a', 't' || g]",
}

let database: Awaited<ReturnType<typeof freshDatabase>>
let client: pg.Client

beforeAll(async () => {
  await preparePostgresql()
  database = await freshDatabase()
  client = new pg.Client({ connectionString: database.url, types: { getTypeParser: () => String } })
  await client.connect()
  await makeCopy('base', () => false)
  for (const { table, column } of everyColumn()) {
    await makeCopy(`${table}_${column}`, (t, c) => t === table && c === column)
  }
  await client.query(`SET statement_timeout = '1s'; SET datestyle = 'ISO'`)
})
afterAll(async () => {
  await client.end()
  await database[Symbol.asyncDispose]()
})

const everyColumn = () =>
  tables.flatMap((t) => t.columns.map(({ name }) => ({ table: t.name, column: name })))

async function makeCopy(schema: string, differs: (table: string, column: string) => boolean): Promise<void> {
  await client.query(`CREATE SCHEMA ${schema}`)
  for (const table of tables) {
    const list = table.columns.map(({ name, type }) => {
      const value = differs(table.name, name)
        ? otherValue[type].replaceAll('?', `(${values[type]})`)
        : values[type]
      return `(${value})::${typeNames[type]} AS ${name}`
    })
    await client.query(
      `CREATE TABLE ${schema}.${table.name} AS SELECT ${list.join(', ')} FROM generate_series(1, 4) g`,
    )
  }
}

/** The values of each output, in no order; undefined where the query fails on these data. */
async function answer(sql: string, schema: string): Promise<string[] | undefined> {
  await client.query(`SET search_path = ${schema}`)
  try {
    const { rows, fields } = await client.query<unknown[]>({ text: sql, rowMode: 'array' })
    return fields.map((_, at) =>
      rows
        .map((row) => JSON.stringify(row[at]))
        .toSorted()
        .join(),
    )
  } catch {
    return undefined
  }
}

const schema = Object.fromEntries(tables.map((t) => [`base.${t.name}`, t.columns.map(({ name }) => name)]))

test('an output that depends on a column names it', { timeout: 60_000 + fuzzSeconds() * 1_000 }, async () => {
  const deadline = fuzzDeadline()
  const tally = { queries: 0, comparisons: 0, differences: 0, known: 0, outputs: 0 }
  for (let seed = deadline.seed; deadline.goesOn(tally.queries, 400); seed++) {
    const random = randomOf(seed)
    const { sql } = grammar(random, postgresql, tables).query(undefined, undefined, 3)
    const before = await answer(sql, 'base')
    if (!before) continue
    tally.queries++
    const options = random.chance(0.7) ? { searchPath: ['base'], schema } : { searchPath: ['base'] }
    const outputs = outputSources(sql, options)
    const selection = rowSources(sql, options)
    if (outputs === 'unknown') continue
    expect(outputs.length, sql).toBe(before.length)
    tally.outputs += outputs.length
    tally.known += outputs.filter((sources) => sources !== 'unknown').length
    if (selection === 'unknown') continue
    const worth = everyColumn().filter(
      ({ table, column }) => sql.includes(column) && !selection.includes(`base.${table}.${column}`),
    )
    for (const { table, column } of random.shuffle(worth).slice(0, 4)) {
      const named = `base.${table}.${column}`
      const after = await answer(sql, `${table}_${column}`)
      if (!after) continue
      tally.comparisons++
      for (const [at, sources] of outputs.entries()) {
        if (after[at] === before[at]) continue
        tally.differences++
        expect(
          sources === 'unknown' || sources.includes(named),
          `seed ${seed}: output ${at} of ${sql} depends on ${named}, not only ${String(sources)}`,
        ).toBe(true)
      }
    }
  }
  console.log(tally)
  // The test must have something to see.
  expect(tally.differences).toBeGreaterThan(tally.queries / 4)
  expect(tally.known / tally.outputs).toBeGreaterThan(0.8)
})
