// Settings of three servers of ClickHouse are ones that ClickHouse knows, with values that it takes. No server is started with
// them here: the engine that is asked is the one of `npm start`, which is a newer version than the image's.
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { afterAll, expect, inject, test } from 'vitest'
import { onlyOn } from '../production/copies/clickhouse.ts'
import { at, readConfigXml } from './config-xml.ts'

const client = createClient({
  url: inject('stores').clickhouseUrl,
  log: { level: ClickHouseLogLevel.OFF },
})
afterAll(() => client.close())

async function rowsOf<Row>(query: string): Promise<Row[]> {
  const answer = await client.query({ query, format: 'JSONEachRow' })
  return answer.json<Row>()
}
const namesIn = async (table: string) =>
  (await rowsOf<{ name: string }>(`SELECT name FROM ${table}`)).map(({ name }) => name)

const leaves = (file: string, path: string) =>
  at(readConfigXml(file), path).flatMap(({ children }) =>
    children.map(({ name, text }) => [name, text] as const),
  )

test.each(leaves('clickhouse-members-users.xml', 'profiles.default'))(
  'a user may be given %s = %s',
  async (name, value) => {
    await client.command({ query: 'SELECT 1', clickhouse_settings: { [name]: value } })
    await expect(
      client.command({ query: 'SELECT 1', clickhouse_settings: { [`${name}_not`]: value } }),
    ).rejects.toThrow('Unknown setting')
  },
)

test.each(leaves('clickhouse-members.xml', 'replicated_merge_tree'))(
  'a table may have %s = %s',
  async (name, value) => {
    expect(await namesIn('system.merge_tree_settings')).toContain(name)
    expect(Number.isSafeInteger(Number(value))).toBe(true)
  },
)

test('the server knows what is said of members', async () => {
  const known = await namesIn('system.server_settings')
  for (const name of ['interserver_http_port', 'interserver_http_host', 'startup_scripts.throw_on_error'])
    expect(known).toContain(name)
  // Where tables keep what they agree on is the default, made of the macros that a member has.
  expect(
    await rowsOf(
      `SELECT name, value FROM system.server_settings WHERE name IN ('default_replica_path', 'default_replica_name') ORDER BY name`,
    ),
  ).toEqual([
    { name: 'default_replica_name', value: '{replica}' },
    { name: 'default_replica_path', value: '/clickhouse/tables/{uuid}/{shard}' },
  ])
  const macros = at(readConfigXml('clickhouse-members.xml'), 'macros').flatMap(({ children }) => children)
  expect(macros.map(({ name }) => name).toSorted()).toEqual(['replica', 'shard'])
})

test('defaults that replicas rely on are what the files take them for', async () => {
  expect(
    await rowsOf(
      `SELECT name, value FROM system.settings WHERE name IN ('insert_deduplicate', 'insert_quorum_parallel') ORDER BY name`,
    ),
  ).toEqual([
    { name: 'insert_deduplicate', value: '1' },
    { name: 'insert_quorum_parallel', value: '1' },
  ])
})

test('a backup reads of the server that has caught up, and of no other', async () => {
  const [row] = await rowsOf<{ host: string }>('SELECT hostName() AS host')
  expect(await rowsOf(`SELECT 1 AS found FROM system.one ${onlyOn(row!.host)}`)).toEqual([{ found: 1 }])
  await expect(rowsOf(`SELECT 1 AS found FROM system.one ${onlyOn('clickhouse-9')}`)).rejects.toThrow(
    'CLICKHOUSE_URL is to name one of them',
  )
})
