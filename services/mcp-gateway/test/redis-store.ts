// A Redis database with something of every kind in it, and a connector to it: what the tests of the Redis connector
// run on. Every test of a file that calls `useStore()` begins with the same content.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { freshRedis, type Fresh } from '@mcpshield/testkit/fresh'
import type { Access } from '@mcpshield/policy/facts'
import type { ConnectionSpec, Connector, Grant } from '../src/connectors/connector.ts'
import { redisConnector } from '../src/connectors/redis.ts'
import { makeGrant } from './grant.ts'

export let fresh: Fresh
export let admin: Redis
let connector: Connector

export const spec = (url: string, change: Partial<ConnectionSpec> = {}): ConnectionSpec => ({
  name: 'cache',
  kind: 'redis',
  url,
  path: null,
  options: {},
  ...change,
})

export function useStore(): void {
  beforeAll(async () => {
    fresh = await freshRedis()
    admin = new Redis(fresh.url)
    connector = redisConnector(spec(fresh.url))
  })
  afterAll(async () => {
    await connector[Symbol.asyncDispose]()
    await admin.quit()
    await fresh[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    await admin.flushdb()
    await admin.set('a', 'one')
    await admin.set('b', 'two')
    await admin.set('doc', '{"name":"ann","password":"hunter2"}')
    await admin.hset('user:1', { name: 'ann', password: 'hunter2', n: '9007199254740993' })
    await admin.rpush('list', '1', '2', '3', '4', '5')
    await admin.sadd('set', 'x')
    await admin.zadd('z', 1, 'one', 2, 'two')
    await admin.xadd('stream', '1-1', 'f', 'v')
    await admin.set('raw', Buffer.from([0xff, 0xfe, 0x00]))
  })
}

const ALL = ['a', 'b', 'c', 'doc', 'user:1', 'list', 'set', 'z', 'stream', 'raw', 'k\r\nFLUSHALL', '']
export const accesses = (operation: Access['operation'], keys: string[]): Access[] =>
  keys.map((resource) => ({ connection: 'cache', operation, resource, fields: [], functions: [] }))
export const reading = (change: Partial<Grant> = {}) =>
  makeGrant({ accesses: accesses('read', ALL), ...change })
export const writing = (change: Partial<Grant> = {}) =>
  makeGrant({ accesses: accesses('write', ALL), readOnly: false, ...change })
export const ruling = (change: Partial<Grant> = {}) =>
  makeGrant({ accesses: accesses('admin', ALL), readOnly: false, ...change })

export const run = (command: string[], grant = reading()) =>
  connector.run('redis.command', { command }, grant)
export const told = (command: string[], grant = reading()) =>
  run(command, grant).then(
    ({ data }) => JSON.stringify(data),
    (error: Error) => error.message,
  )
/** The server's lines about the connections of this test's own database, but for the test's. */
export const clients = async () => {
  const own = await admin.client('ID')
  return String(await admin.client('LIST'))
    .split('\n')
    .filter((line) => line.includes(` db=${new URL(fresh.url).pathname.slice(1)} `) && idOf(line) !== own)
}
export const idOf = (line: string) => Number(/^id=(\d+)/.exec(line)?.[1])
export const dump = async () => {
  const keys = (await admin.keys('*')).sort()
  return Promise.all(keys.map(async (key) => [key, (await admin.dumpBuffer(key))?.toString('hex')]))
}
