// The table of commands and the keys found with it, compared with a live server.
import { freshRedis, type Fresh } from '@mcpshield/testkit/fresh'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandOf, keysOf } from '../src/redis-keys.ts'
import { REDIS_COMMANDS } from '../src/redis-commands.ts'
import { redisFacts } from '../src/redis.ts'
import { CannotTell } from '../src/sql/statement.ts'
import { tableOf } from './write-redis-commands.ts'

let fresh: Fresh
let redis: Redis

beforeAll(async () => {
  fresh = await freshRedis()
  redis = new Redis(fresh.url)
})

afterAll(async () => {
  await redis.quit()
  await fresh[Symbol.asyncDispose]()
})

test('the table is the one that its version of the server tells', async ({ skip }) => {
  const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? ''
  skip(!version.startsWith('7.0.'), `the server here is ${version}; the table is that of 7.0`)
  expect(await tableOf(redis)).toEqual(REDIS_COMMANDS)
})

// Words that commands give a meaning to, among others that are nothing but keys.
const pool =
  'k1 k2 k3 0 1 2 3 -1 1-0 * $ STORE store STOREDIST STREAMS streams GET BY LIMIT COUNT KEYS keys GROUP BLOCK NOACK ASC ALPHA ' +
  'WITHDIST ANY REPLACE DB WEIGHTS AGGREGATE SUM m km LEFT h_*->f'
const words = pool.split(' ')

/** A short generator of its own, so that a run can be had again by its seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function argvs(name: string, arity: number, next: (below: number) => number): string[][] {
  const least = Math.abs(arity)
  return Array.from({ length: 60 }, () => {
    const argv = name.split('|')
    const length = arity < 0 ? least + next(8) : least
    while (argv.length < length) argv.push(words[next(words.length)] as string)
    return argv
  })
}

const plausible: string[][] = [
  ['SORT', 'l', 'BY', 'w_*', 'LIMIT', '0', '5', 'GET', '#', 'GET', 'o_*->n', 'ASC', 'ALPHA', 'STORE', 'out'],
  ['sort', 'l', 'by', 'store', 'get', 'store', 'store', 'out'],
  ['GEORADIUS', 'g', '15', '37', '200', 'km', 'WITHDIST', 'COUNT', '3', 'ANY', 'STORE', 'out'],
  ['GEORADIUSBYMEMBER', 'g', 'm', '200', 'km', 'STOREDIST', 'out'],
  ['XREAD', 'COUNT', '2', 'STREAMS', 'a', 'b', '0', '0'],
  ['XREAD', 'COUNT', '2', 'BLOCK', '5', 'streams', 'streams', 'streams', '0', '0'],
  ['XREADGROUP', 'GROUP', 'streams', 'c', 'NOACK', 'STREAMS', 'a', '>'],
  ['XREADGROUP', 'COUNT', '1', 'GROUP', 'streams', 'streams', 'STREAMS', 'a', '>'],
  ['MIGRATE', 'h', '1', '', '0', '5', 'COPY', 'KEYS', 'a', 'b'],
  ['MIGRATE', 'h', '1', 'k', '0', '5', 'REPLACE'],
  ['EVAL', 'return 1', '2', 'a', 'b', 'c'],
  ['ZUNIONSTORE', 'out', '2', 'a', 'b', 'WEIGHTS', '1', '2'],
  ['MSET', 'a', '1', 'b', '2'],
  ['BLPOP', 'a', 'b', '0'],
  ['OBJECT', 'ENCODING', 'a'],
  ['XINFO', 'STREAM', 'a', 'FULL'],
  ['LCS', 'a', 'b', 'LEN'],
  ['ZMPOP', '2', 'a', 'b', 'MIN'],
  ['SET', 'a', '1', 'GET'],
]

// Channels of the cluster, which are found as if they were keys.
const channels = new Set(['spublish', 'ssubscribe', 'sunsubscribe'])
// The server takes the last place to store in; every one is told here. So is the empty key that means a list of keys.
const repeats = new Set(['sort', 'georadius', 'georadiusbymember', 'migrate'])

test('the keys found are those that COMMAND GETKEYS finds, whatever the arguments', async () => {
  const next = numbers(7)
  const generated = Object.entries(REDIS_COMMANDS)
    .filter(([name, { container }]) => !container && !channels.has(name))
    .flatMap(([name, { arity }]) => argvs(name, arity, next))
  let compared = 0
  for (const argv of [...plausible, ...generated]) {
    const found = commandOf(argv)
    if (!found) throw new Error(`${argv.join(' ')} is not in the table`)
    const ours = orUndefined(() => keysOf(found, argv).map(({ key }) => key))
    const theirs = await redis.call('COMMAND', 'GETKEYS', ...argv).then(
      (keys) => keys as string[],
      (error: Error) => (error.message.includes('no key arguments') ? [] : undefined),
    )
    // What either refuses is not run.
    if (ours === undefined || theirs === undefined) continue
    compared++
    if (repeats.has(found.name)) expect(ours, argv.join(' ')).toEqual(expect.arrayContaining(theirs))
    else expect([...ours].sort(), argv.join(' ')).toEqual([...theirs].sort())
  }
  expect(compared).toBeGreaterThan(4_000)
})

test('what is called read-only changes nothing that is stored', async () => {
  await redis
    .pipeline()
    .set('k1', 'text', 'EX', 10_000)
    .rpush('k2', '3', '1', '2')
    .hset('k3', 'f', 'v')
    .sadd('0', 'a', 'b')
    .zadd('1', 1, 'a', 2, 'b')
    .xadd('2', '1-1', 'f', 'v')
    .exec()
  await redis.xgroup('CREATE', '2', 'k1', '0')
  const stored = async () => {
    const keys = (await redis.keys('*')).sort()
    return Promise.all(
      keys.map(async (key) => [key, await redis.dumpBuffer(key), await redis.pexpiretime(key)]),
    )
  }
  const before = await stored()
  const next = numbers(11)
  const generated = Object.entries(REDIS_COMMANDS)
    .filter(([, { container }]) => !container)
    .flatMap(([name, { arity }]) => argvs(name, arity, next))
  let ran = 0
  for (const argv of generated) {
    const facts = redisFacts(argv)
    if ('unknown' in facts || !facts.read_only) continue
    const [name, ...args] = argv as [string, ...string[]]
    // What is wrong with its arguments does nothing either.
    ran += await redis.call(name, ...args).then(
      () => 1,
      () => 0,
    )
  }
  expect(ran).toBeGreaterThan(500)
  expect(await stored()).toEqual(before)
})

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof CannotTell) return undefined
    throw error
  }
}
