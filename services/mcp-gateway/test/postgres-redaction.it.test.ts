// Columns that a policy redacts, in every shape a query can give them: a canary in such a column is never shown.
// More queries than in every run: MCPSHIELD_CANARY_QUERIES=20000.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgresqlFacts, preparePostgresql } from '@mcpshield/facts/sql/postgresql'
import { isUnknown, type Access } from '@mcpshield/policy/facts'
import { freshDatabase } from '@mcpshield/testkit/fresh'
import { tableAnswer, type Statements } from '../src/connectors/connector.ts'
import { postgresConnector } from '../src/connectors/postgres.ts'
import { redactConnectorAnswer } from '../src/redaction.ts'
import { canary, seenIn } from './canary.ts'
import { makeGrant } from './grant.ts'
import { queryOf, worldOf } from './postgres-queries.ts'

const QUERIES = Number(process.env.MCPSHIELD_CANARY_QUERIES ?? 600)
const IDS = [1, 2, 3]
const REDACTED = ['users.email', 'people.email', 'with_generated.email']

let database: Awaited<ReturnType<typeof freshDatabase>>
let admin: pg.Client
let connector: Statements

beforeAll(async () => {
  await preparePostgresql()
  database = await freshDatabase()
  admin = new pg.Client({ connectionString: database.url })
  await admin.connect()
  await admin.query(worldOf(canary))
  connector = postgresConnector({
    name: 'test',
    kind: 'postgresql',
    url: database.url,
    path: null,
    options: {},
  })
})
afterAll(async () => {
  await connector[Symbol.asyncDispose]()
  await admin.end()
  await database[Symbol.asyncDispose]()
})

/** What the client would be shown, as the gateway does it. */
async function shown(sql: string, fields = REDACTED, readOnly = true): Promise<string> {
  const facts = postgresqlFacts(sql, { searchPath: ['public'] })
  const accesses: Access[] = isUnknown(facts)
    ? []
    : facts.accesses.map((each) => ({ connection: 'test', ...each }))
  const table = await connector.query(
    sql,
    makeGrant({ accesses, needsSources: true, redacts: true, readOnly }),
  )
  const redactions = fields.map((field) => ({ fields: [field], with: 'mask' as const }))
  const { answer } = redactConnectorAnswer(tableAnswer(table), redactions, () => 'ab'.repeat(16))
  return JSON.stringify(answer.data.rows)
}
const withheld = '[withheld:redaction_not_possible]'

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
  60_000 + QUERIES * 60,
)

describe('a redacted column', () => {
  test.for([
    'select email from users',
    'select e from (select lower(email) as e from users) q',
    'select u from users u',
    'select contact from contacts',
    'select reach from contacts_again',
    'select made from whole',
    'select contact from contacts_kept',
    'select email from people_de',
    'select email from staff',
    'select lowered from with_generated',
    'select most_common_vals, histogram_bounds from pg_stats',
    'select stavalues1::text from pg_statistic',
    'select query from pg_stat_activity union all select email from users',
    'select attmissingval from pg_attribute where attmissingval is not null',
    "select pg_get_expr(relpartbound, oid) from pg_class where relname = 'people_de'",
    'explain (analyze, verbose) select * from users where email = (select min(email) from users)',
    "select query_to_xml('select email from users', true, true, '')",
    "select * from xmltable('/a' passing (select xmlelement(name a, email) from users limit 1) columns e text path '.')",
    "select x from json_table((select to_jsonb(array_agg(email)) from users), '$[*]' columns (x text path '$'))",
    'select ts_stat.word from ts_stat($$select to_tsvector(email) from users$$)',
  ])('is not shown by: %s', async (sql) => {
    const text = await shown(sql).catch((error: Error) => error.message)
    expect(seenIn(text, IDS)).toBeUndefined()
  })

  test('of a partition is redacted where the rule names the partition and the query its parent', async () => {
    expect(
      seenIn(await shown('select email from people', ['people_de.email', 'people_fr.email']), IDS),
    ).toBeUndefined()
    // A rule about another table with such a column does not touch it.
    expect(seenIn(await shown('select email from people', ['users.email']), IDS)).toBeDefined()
  })

  test.for([
    'insert into scratch select id, email from users returning note',
    'insert into scratch select id, email from users returning scratch',
    'with m as (insert into scratch select id, email from users returning note) select * from m',
    'update scratch s set note = u.email from users u where u.id = s.id returning s.note',
    'delete from scratch s using users u where u.id = s.id returning u.email',
    'merge into scratch s using users u on u.id = s.id when matched then update set note = u.email returning s.note',
  ])('is not shown by what a change returns: %s', async (sql) => {
    await admin.query("truncate scratch; insert into scratch values (1, 'x')")
    const text = await shown(sql, REDACTED, false)
    expect(seenIn(text, IDS)).toBeUndefined()
    expect(text).not.toBe('[]')
  })
})

describe('what is not made of it', () => {
  test.for([
    ['select count(*) as n from users', '[{"n":3}]'],
    ['select upper(name) as n from users where id = 1', '[{"n":"NAME 1"}]'],
    [
      "select name || '-' || city as n, 1 + 1 as two from users where id = 1",
      '[{"n":"name 1-city","two":2}]',
    ],
    ['select sum(total) as s, max(note) as m from orders', '[{"s":"30","m":"b"}]'],
    [
      'select u.name, sum(o.total) as s from users u join orders o on o.user_id = u.id where u.id = 1 group by u.name',
      '[{"name":"name 1","s":"10"}]',
    ],
    ['with c as (select id, name from users) select max(name) as n from c where id = 1', '[{"n":"name 1"}]'],
    ['select name from contacts where id = 1', '[{"name":"name 1"}]'],
    ['select upper(name) as n from contacts_again where id = 1', '[{"n":"NAME 1"}]'],
    ['select name from people order by 1', '[{"name":"p"},{"name":"q"}]'],
    ['select (select count(*) from orders) as n', '[{"n":2}]'],
    [
      "select table_name from information_schema.tables where table_name = 'users'",
      '[{"table_name":"users"}]',
    ],
    ["select relname from pg_class where relname = 'users'", '[{"relname":"users"}]'],
    ["insert into scratch values (9, 'x') returning id, upper(note) as n", '[{"id":9,"n":"X"}]'],
  ] as const)('is shown: %s', async ([sql, rows]) => {
    expect(await shown(sql, REDACTED, !sql.startsWith('insert'))).toBe(rows)
  })

  test('is shown beside it', async () => {
    expect(await shown('select id, email as e, count(*) over () as n from users where id = 1')).toBe(
      '[{"id":1,"e":"[redacted:field]","n":1}]',
    )
  })
})

describe('what may hold anything', () => {
  test('is withheld: a foreign table, a function of the database, a name that may be one of its functions', async () => {
    await admin.query(`
      create foreign data wrapper nothing; create server nowhere foreign data wrapper nothing;
      create foreign table far (email text) server nowhere;
      create function secret_of(int) returns text stable language sql as 'select email from users where id = $1';
      create view by_function as select id, secret_of(id) as s from orders;
      create schema more; create function more.upper(int) returns text stable language sql as 'select email from users where id = $1';
    `)
    for (const sql of [
      'select secret_of(1) as x',
      'select s as x from by_function',
      'select x from secret_of(1) as x',
    ])
      expect(await shown(sql), sql).toMatch(
        new RegExp(`^\\[(\\{"x":"${withheld.replace(/[[\]]/g, '\\$&')}"\\},?)+\\]$`),
      )
    await admin.query(
      "create function public.upper(int) returns text stable language sql as 'select email from users where id = $1'",
    )
    expect(await shown('select upper(1) as x')).toContain(withheld)
    await admin.query("drop function public.upper(int); insert into scratch values (1, 'x')")
    expect(await shown('update scratch set note = secret_of(1) returning note', REDACTED, false)).toContain(
      withheld,
    )
  })
})

test('a catalogue that cannot be read withholds the outputs and undoes no change', async () => {
  const url = new URL(database.url)
  url.username = 'blind'
  url.password = 'x'
  await admin.query(`create role blind login password 'x'; grant select, insert on scratch to blind;
    revoke select on pg_catalog.pg_inherits from public; truncate scratch`)
  await using blind = postgresConnector({
    name: 'blind',
    kind: 'postgresql',
    url: url.href,
    path: null,
    options: {},
  })
  const sql = "insert into scratch values (5, 'kept') returning id"
  const { sources } = await blind.query(sql, makeGrant({ needsSources: true, readOnly: false }))
  expect(sources).toEqual({ id: 'unknown' })
  expect((await admin.query('select note from scratch')).rows).toEqual([{ note: 'kept' }])
  await admin.query('grant select on pg_catalog.pg_inherits to public; drop owned by blind; drop role blind')
})
