// How the connector runs a command on a real Redis: connections, limits, values, failures.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { redactValue } from '@mcpshield/redact/redact-value'
import type { Grant } from '../src/connectors/connector.ts'
import { redisConnector } from '../src/connectors/redis.ts'
import {
  accesses,
  admin,
  clients,
  fresh,
  idOf,
  reading,
  ruling,
  run,
  spec,
  told,
  useStore,
  writing,
} from './redis-store.ts'

useStore()

test('a connection stays on the database of its URL', async () => {
  const none = redisConnector(spec(new URL('/9999', fresh.url).href))
  await expect(none.run('redis.command', { command: ['GET', 'a'] }, reading())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  await none[Symbol.asyncDispose]()
  await run(['EVAL', 'return redis.call("select", "0")', '0'], ruling())
  expect(await told(['GET', 'a'])).toBe('{"value":"one"}')
})

test('values survive JSON', async () => {
  await admin.set('c', '9007199254740993')
  expect(await run(['INCRBY', 'c', '1'], writing())).toMatchObject({ data: { value: '9007199254740994' } })
  expect((await run(['HGETALL', 'user:1'])).data).toEqual({
    value: { name: 'ann', password: 'hunter2', n: '9007199254740993' },
  })
  expect(await run(['LRANGE', 'list', '0', '-1'])).toEqual({
    data: { values: ['1', '2', '3', '4', '5'] },
    about: { count: 5 },
    rows: 5,
    cut: false,
  })
  expect((await run(['XRANGE', 'stream', '-', '+'])).data).toEqual({ values: [['1-1', ['f', 'v']]] })
  expect((await run(['GET', 'raw'])).data).toEqual({ value: 'base64://4A' })
  expect((await run(['GET', 'nothing'], reading({ accesses: accesses('read', ['nothing']) }))).data).toEqual({
    value: null,
  })
  const withheld = '[withheld:redaction_not_possible]'
  expect((await run(['GET', 'raw'], reading({ redacts: true }))).data).toEqual({ value: withheld })
  expect((await run(['LLEN', 'list'])).data).toEqual({ value: 5 })
})

test('members and bytes are cut where the grant says, and a value is whole or not at all', async () => {
  expect(await run(['LRANGE', 'list', '0', '-1'], reading({ maxRows: 2 }))).toMatchObject({
    data: { values: ['1', '2'] },
    cut: true,
  })
  expect(await run(['HGETALL', 'user:1'], reading({ maxRows: 3 }))).toMatchObject({ rows: 3, cut: false })
  expect(await run(['HGETALL', 'user:1'], reading({ maxRows: 1 }))).toMatchObject({ rows: 1, cut: true })
  expect((await run(['SSCAN', 'set', '0'], reading({ maxRows: 1 }))).data).toEqual({ values: ['0', ['x']] })
  await admin.sadd('set', 'y', 'w')
  expect(await run(['SSCAN', 'set', '0'], reading({ maxRows: 1 }))).toMatchObject({ cut: true })
  await admin.xadd('stream', '2-1', 'f', 'v', 'g', 'w')
  expect((await run(['XREAD', 'STREAMS', 'stream', '0'], reading({ maxRows: 1 }))).data).toEqual({
    values: [['stream', [['1-1', ['f', 'v']]]]],
  })
  await admin.rpush('c', 'x'.repeat(100), 'x'.repeat(100))
  expect(await run(['LRANGE', 'c', '0', '-1'], reading({ maxBytes: 150 }))).toMatchObject({
    rows: 1,
    cut: true,
  })
  expect(await told(['LINDEX', 'c', '0'], reading({ maxBytes: 50 }))).toMatch(/more than the 50 bytes/)
})

test('what the server sends is bounded', async () => {
  await admin.set('c', 'x'.repeat(30_000_000))
  await expect(run(['GET', 'c'])).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('too large to be read'),
  })
  expect(await told(['GETRANGE', 'c', '0', '2'])).toBe('{"value":"xxx"}')
})

test('a command that waits is given up, and so is one whose client went away; the server lets go of it', async () => {
  const blocked = async () => (await clients()).filter((line) => line.includes('cmd=blpop')).length
  await expect(run(['BLPOP', 'c', '0'], ruling({ timeoutMs: 100 }))).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: 'The command was given up after 100 ms.',
  })
  await expect.poll(blocked).toBe(0)
  const gone = new AbortController()
  const ended = expect(run(['BLPOP', 'c', '0'], ruling({ signal: gone.signal }))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'The client went away.',
  })
  await expect.poll(blocked).toBe(1)
  gone.abort()
  await ended
  await expect.poll(blocked).toBe(0)
  expect(await admin.exists('c')).toBe(0)
})

test('nothing of a call is left for the next one', async () => {
  await run(['CLIENT', 'NO-EVICT', 'ON'], ruling()).catch(() => undefined)
  await run(['CLIENT', 'SETNAME', 'left'], ruling()).catch(() => undefined)
  await run(['SCRIPT', 'DEBUG', 'YES'], ruling()).catch(() => undefined)
  for (let round = 0; round < 10; round++) {
    expect(await told(['CLIENT', 'GETNAME'])).toMatch(/\{"value":(null|"")\}/)
  }
})

test('a failure is told in Redis’s words, and where a script failed without what it says', async () => {
  expect(await told(['INCR', 'a'], writing())).toBe('Redis: ERR value is not an integer or out of range')
  expect(await told(['LRANGE', 'a', '0', '1'])).toMatch(/^Redis: WRONGTYPE/)
  expect(await told(['GET'])).toMatch(/^Redis: ERR/)
  const script = 'return redis.error_reply(redis.call("hget", KEYS[1], "password"))'
  expect(await told(['EVAL', script, '1', 'user:1'], ruling())).toMatch(/^Redis: the command failed \(\w+\)$/)
})

describe('where a policy redacts by field', () => {
  const shown = async (command: string[], field: string, of = reading) => {
    const { data, sources } = await run(command, of({ needsSources: true, redacts: true }))
    const redact = [{ fields: [field], with: 'mask' as const }]
    const values = Object.values(data).map(
      (each) => redactValue(each, redact, { keyedHash: () => '', sources }).value,
    )
    return JSON.stringify(values)
  }

  test.for([
    ['HGET', 'user:1', 'password'],
    ['HMGET', 'user:1', 'name', 'password'],
    ['HGETALL', 'user:1'],
    ['HVALS', 'user:1'],
    ['HRANDFIELD', 'user:1', '9', 'WITHVALUES'],
    ['HSCAN', 'user:1', '0'],
    ['GET', 'doc'],
    ['MGET', 'a', 'doc'],
    ['GETRANGE', 'doc', '0', '-2'],
    ['GETRANGE', 'doc', '25', '32'],
    ['SUBSTR', 'doc', '0', '-2'],
    ['LCS', 'doc', 'doc'],
    ['DUMP', 'doc'],
  ])('a field of a hash or of a document does not get out: %s %s', async (command) => {
    expect(await shown(command, '*.password')).not.toContain('hunter2')
  })

  test.for(['user:ann@example.com', 'user:john.doe', 'user:a.b.c'])(
    'nor where the key has a dot in it: %s',
    async (key) => {
      await admin.hset(key, { name: 'ann', password: 'hunter2' })
      const own = (change: Partial<Grant> = {}) => reading({ accesses: accesses('read', [key]), ...change })
      for (const command of [
        ['HGETALL', key],
        ['HGET', key, 'password'],
        ['HMGET', key, 'name', 'password'],
      ]) {
        expect(await shown(command, 'user:*.password', own)).toContain('[redacted:field]')
        expect(await shown(command, 'user:*.password', own)).not.toContain('hunter2')
        expect(await shown(command, 'shop:*.password', own)).toContain('hunter2')
      }
      expect(await shown(['HGET', key, 'name'], 'user:*.password', own)).toContain('ann')
      await admin.set(key, 'hunter2')
      for (const command of [
        ['GET', key],
        ['MGET', key],
      ]) {
        expect(await shown(command, 'user:*', own)).toBe(JSON.stringify([{ [key]: '[redacted:field]' }]))
        expect(await shown(command, 'shop:*', own)).toContain('hunter2')
      }
    },
  )

  test.for([
    ['GETBIT', 'doc', '7'],
    ['SETBIT', 'doc', '7', '1'],
    ['BITPOS', 'doc', '1'],
    ['BITPOS', 'doc', '1', '7', '7', 'BIT'],
    ['BITCOUNT', 'doc', '7', '7', 'BIT'],
    ['BITFIELD', 'doc', 'GET', 'u8', '0'],
    ['LCS', 'doc', 'a', 'LEN'],
    ['ZLEXCOUNT', 'z', '[o', '[p'],
    ['HINCRBY', 'user:1', 'n', '0'],
  ])('nor does a part of a value as a number: %s', async (command) => {
    const change = command[0] === 'SETBIT' || command[0]?.startsWith('HINCR') || command[0] === 'BITFIELD'
    expect(await shown(command, '*.password', change ? writing : reading)).toBe(
      '[{"reply":"[withheld:redaction_not_possible]"}]',
    )
  })

  test('a count of a whole value is told', async () => {
    expect(await shown(['BITCOUNT', 'a'], '*.password')).toMatch(/^\[\{"a":\d+\}\]$/)
    expect(await shown(['STRLEN', 'a'], '*.password')).toBe('[{"a":3}]')
    expect(await shown(['ZCARD', 'z'], '*.password')).toBe('[{"z":2}]')
  })

  test('other fields and values do, under the key that they came from', async () => {
    expect(await shown(['HGET', 'user:1', 'name'], '*.password')).toBe('[{"user:1":{"name":"ann"}}]')
    expect(await shown(['HMGET', 'user:1', 'name', 'password'], '*.password')).toBe(
      '[{"user:1":{"name":"ann","password":"[redacted:field]"}}]',
    )
    expect(await shown(['MGET', 'a', 'b'], 'b')).toBe('[{"a":"one","b":"[redacted:field]"}]')
    expect(await shown(['GET', 'doc'], 'doc.password')).toContain('ann')
    expect(await shown(['LRANGE', 'list', '0', '0'], '*.password')).toBe('[{"list":["1"]}]')
    expect(await shown(['TTL', 'a'], '*.password')).toBe('[{"a":-1}]')
    expect(await shown(['PING'], '*.password')).toBe('["PONG"]')
  })
})

test('50 calls at a time are all answered, each with its own', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => run(['ECHO', String(index)])))
  expect(answers.map(({ data }) => data.value)).toEqual(
    Array.from({ length: 50 }, (_, index) => String(index)),
  )
})

test('a connection that breaks is an answer, and the next call has a new one', async () => {
  const waiting = expect(run(['BLPOP', 'c', '0'], ruling())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'The connection to Redis broke.',
  })
  const blocked = async () => (await clients()).filter((line) => line.includes('cmd=blpop'))
  await expect.poll(blocked).toHaveLength(1)
  for (const line of await blocked()) await admin.client('KILL', 'ID', idOf(line))
  await waiting
  // Also where all that were idle are dead.
  for (const line of await clients()) await admin.client('KILL', 'ID', idOf(line))
  expect(await told(['GET', 'a'])).toBe('{"value":"one"}')
})

test('a server that is not there, says nothing, has no TLS or refuses the account is said so, without its address or password', async () => {
  const silent = createServer((socket: Socket) => void socket.on('error', () => undefined))
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as { port: number }
  const wrong = new URL(fresh.url)
  wrong.username = 'nobody'
  wrong.password = 'geheim'
  const tls = fresh.url.replace('redis:', 'rediss:')
  for (const url of ['redis://:geheim@127.0.0.1:9/1', wrong.href, tls, `redis://127.0.0.1:${port}`]) {
    const gone = redisConnector(spec(url, { name: 'gone' }))
    await expect(gone.run('redis.command', { command: ['PING'] }, reading())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The Redis behind the connection gone cannot be reached.',
      cause: expect.not.objectContaining({ message: expect.stringMatching(/geheim|nobody/) }),
    })
    await gone[Symbol.asyncDispose]()
  }
  silent.close()
})

test.for([
  ['http://127.0.0.1', 'needs a URL that begins with redis://'],
  ['redis://127.0.0.1/x', 'a database in its URL that is not a number'],
  ['redis://127.0.0.1/1?family=6', 'has parameters in its URL'],
] as const)('a URL that cannot be followed as it is written is refused: %s', ([url, why]) => {
  expect(() => redisConnector(spec(url))).toThrow(why)
})
