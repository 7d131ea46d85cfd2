// Columns that a policy redacts, in every shape a query of SQLite can give them: a canary is never shown.
// More queries than in every run: MCPSHIELD_CANARY_QUERIES=20000.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Access } from '@mcpshield/policy/facts'
import { tableAnswer, type Statements } from '../src/connectors/connector.ts'
import { sqliteConnector } from '../src/connectors/sqlite.ts'
import { redactConnectorAnswer } from '../src/redaction.ts'
import { canary, seeded, seenIn } from './canary.ts'
import { makeGrant } from './grant.ts'

const QUERIES = Number(process.env.MCPSHIELD_CANARY_QUERIES ?? 500)
const IDS = [1, 2]
const TABLES = [
  'users',
  'orders',
  'contacts',
  'reach',
  'joined',
  'generated',
  'texts',
  'sqlite_stat4',
  'sqlite_stat1',
  'scratch',
  'others',
]

let folder: string
let connector: Statements
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-sqlite-'))
  const path = join(folder, 'a.sqlite')
  const database = new DatabaseSync(path)
  database.exec(`
    create table users (id integer primary key, name text, email text, city text);
    insert into users values (1, 'name 1', '${canary(1)}', 'city'), (2, 'name 2', '${canary(2)}', 'city');
    create table others (id integer, email text); insert into others values (1, 'x'), (9, 'y');
    create table orders (id integer, user_id integer, total integer); insert into orders values (1, 1, 10), (2, 2, 20);
    create table generated (id integer, name text, email text, lowered text generated always as (lower(email)) virtual);
    insert into generated (id, name, email) values (1, 'g', '${canary(1)}');
    create view contacts as select id, name, email as contact from users;
    create view reach as select id, upper(contact) as way from contacts;
    create view joined as select id, email as merged from (users full join others using (email, id));
    create table scratch (id integer, note text);
    create virtual table texts using fts5 (email);
    insert into texts values ('${canary(1)}');
    create index by_email on users (email);
    analyze;
  `)
  database.close()
  connector = sqliteConnector({ name: 'test', kind: 'sqlite', url: null, path, options: {} })
})
afterAll(async () => {
  await connector[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const access = (resource: string, operation: 'read' | 'write'): Access => ({
  ...{ connection: 'test', operation, resource, fields: [], functions: [] },
})
/** What the client would be shown, as the gateway does it. */
async function shown(
  sql: string,
  fields = ['users.email', 'generated.email', 'texts.email'],
  readOnly = true,
): Promise<string> {
  const accesses = TABLES.flatMap((table) => [
    access(table, 'read'),
    ...(readOnly ? [] : [access(table, 'write')]),
  ])
  const table = await connector.query(
    sql,
    makeGrant({ accesses, needsSources: true, redacts: true, readOnly }),
  )
  const redactions = fields.map((field) => ({ fields: [field], with: 'mask' as const }))
  const { answer } = redactConnectorAnswer(tableAnswer(table), redactions, () => 'ab'.repeat(16))
  return JSON.stringify(answer.data.rows)
}

const FROM: readonly (readonly [from: string, column: string])[] = [
  ['users u', 'email'],
  ['(select * from users) u', 'email'],
  ['(select id, name, lower(email) as made from users) u', 'made'],
  ['users u join orders o on o.user_id = u.id', 'email'],
  ['orders o left join users u on o.user_id = u.id', 'email'],
  ['contacts u', 'contact'],
  ['reach u', 'way'],
  ['joined u', 'merged'],
  ['generated u', 'lowered'],
  ['users u natural left join others', 'email'],
  ['users u full join others using (email)', 'email'],
  ['others right join users u using (email)', 'email'],
  ['(select id, name, email from users union all select 0, 1, 2) u', 'email'],
  ['(select id, name as email from users union all select id, email from users) u', 'email'],
  ['(select id, city as email from users union select id, email from users) u', 'email'],
  ['(values ((select email from users where id = 1), 1)) u', 'column1'],
  ['(select max(email) as email, id from users) u', 'email'],
]
const SHOWN: readonly string[] = [
  '%',
  'upper(%)',
  'substr(%, 2, 9)',
  'hex(%)',
  "% || '!'",
  "printf('%s', %)",
  "coalesce(%, '')",
  "iif(1, %, '')",
  "case when 1 then % else '' end",
  "replace(%, 'x', 'y')",
  'quote(%)',
  'json_array(%)',
  "json_object('e', %)",
  "json_object('e', %) ->> 'e'",
  'cast(% as blob)',
  '(select %)',
  '(select max(email) from users)',
  'trim(%)',
  'max(%) over ()',
  'lag(%) over ()',
  'group_concat(%) over ()',
  '(select value from json_each(json_array(%)))',
  'unicode(%)',
  'length(%)',
  'nullif(%, 1)',
  '% collate nocase',
  "concat(%, '-')",
  '*',
  'u.*',
]
const AGGREGATED: readonly string[] = [
  'max(%)',
  'group_concat(%)',
  "group_concat(%, '-')",
  'json_group_array(%)',
  "json_group_object('e', %)",
  'string_agg(%, 1)',
]
const AROUND: readonly string[] = [
  '%',
  '%',
  'select * from (%) w',
  'with c as (%) select * from c',
  '% union all %',
  '% union %',
  'with recursive r as (% union select * from r limit 9) select * from r',
  'select (%) as x',
  'select * from (select 1 as one), (%)',
  'explain %',
  'explain query plan %',
  'select count(*) from (%)',
]
function queryOf(number: number): string {
  const random = seeded(number * 104_729)
  const [from, column] = random.pick(FROM)
  const list = random.below(5) === 0 ? AGGREGATED : SHOWN
  const outputs = Array.from({ length: 1 + random.below(2) }, (_, at) => {
    const text = random.pick(list).replaceAll('%s', '\0').replaceAll('%', column).replaceAll('\0', '%s')
    return text.endsWith('*') ? text : `${text} as o${at}`
  })
  const where = random.below(3) === 0 ? ` where ${column} is not null` : ''
  const query = `select ${random.below(6) === 0 ? 'distinct ' : ''}${outputs.join(', ')} from ${from}${where}`
  return random.pick(AROUND).replaceAll('%', () => query)
}

test(
  `of ${QUERIES} queries none shows a value of a redacted column, in no form`,
  async () => {
    const seen: string[] = []
    let answered = 0
    for (let number = 0; number < QUERIES; number++) {
      const sql = queryOf(number)
      const text = await shown(sql).catch((error: Error) => error.message)
      if (text.startsWith('[')) answered++
      const piece = seenIn(text, IDS)
      if (piece !== undefined) seen.push(`${piece} by: ${sql}`)
    }
    expect(seen).toEqual([])
    expect(answered).toBeGreaterThan(QUERIES * 0.6)
  },
  30_000 + QUERIES * 60,
)

describe('a redacted column', () => {
  test.for([
    'select sample from sqlite_stat4',
    'select email from texts',
    'select c0 from texts_content',
    "select snippet(texts, 0, '', '', '', 9) as x from texts where texts match 'fTn'",
    'select way from reach',
  ])('is not shown by: %s', async (sql) => {
    expect(seenIn(await shown(sql).catch((error: Error) => error.message), IDS)).toBeUndefined()
  })

  test.for([
    'insert into scratch select id, email from users returning note',
    'update scratch set note = (select email from users) returning note',
    'update scratch set note = email from users returning upper(note)',
  ])('is not shown by what a change returns: %s', async (sql) => {
    await shown("insert into scratch values (1, 'x')", [], false)
    const text = await shown(sql, undefined, false)
    expect(seenIn(text, IDS)).toBeUndefined()
    expect(text).not.toBe('[]')
  })
})

describe('what is not made of it', () => {
  test.for([
    ['select count(*) as n from users', '[{"n":2}]'],
    ['select upper(name) as n from users where id = 1', '[{"n":"NAME 1"}]'],
    ['select sum(total) as s, 1 + 1 as two from orders', '[{"s":30,"two":2}]'],
    [
      'select u.name, o.total from users u join orders o on o.user_id = u.id where o.id = 1',
      '[{"name":"name 1","total":10}]',
    ],
    ['select name, email as e from users where id = 1', '[{"name":"name 1","e":"[redacted:field]"}]'],
    ['select name from generated', '[{"name":"g"}]'],
  ] as const)('is shown: %s', async ([sql, rows]) => {
    expect(await shown(sql)).toBe(rows)
  })
})
