// The second wall alone, on a real Redis: the connector is told that a command only reads, or which keys it names,
// and that is not so.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { redactValue } from '@mcpshield/redact/redact-value'
import { freshRedis, type Fresh } from '@mcpshield/testkit/fresh'
import type { Access } from '@mcpshield/policy/facts'
import type { ConnectionSpec, Connector, Grant } from '../src/connectors/connector.ts'
import { redisConnector } from '../src/connectors/redis.ts'
import { makeGrant } from './grant.ts'

let fresh: Fresh
let admin: Redis
let connector: Connector

const spec = (url: string, change: Partial<ConnectionSpec> = {}): ConnectionSpec => ({
  name: 'cache',
  kind: 'redis',
  url,
  path: null,
  options: {},
  ...change,
})

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

const ALL = ['a', 'b', 'c', 'doc', 'user:1', 'list', 'set', 'z', 'stream', 'raw', 'k\r\nFLUSHALL', '']
const accesses = (operation: Access['operation'], keys: string[]): Access[] =>
  keys.map((resource) => ({ connection: 'cache', operation, resource, fields: [], functions: [] }))
const reading = (change: Partial<Grant> = {}) => makeGrant({ accesses: accesses('read', ALL), ...change })
const writing = (change: Partial<Grant> = {}) =>
  makeGrant({ accesses: accesses('write', ALL), readOnly: false, ...change })
const ruling = (change: Partial<Grant> = {}) =>
  makeGrant({ accesses: accesses('admin', ALL), readOnly: false, ...change })

const run = (command: string[], grant = reading()) => connector.run('redis.command', { command }, grant)
const told = (command: string[], grant = reading()) =>
  run(command, grant).then(
    ({ data }) => JSON.stringify(data),
    (error: Error) => error.message,
  )
/** The server's lines about the connections of this test's own database, but for the test's. */
const clients = async () => {
  const own = await admin.client('ID')
  return String(await admin.client('LIST'))
    .split('\n')
    .filter((line) => line.includes(` db=${new URL(fresh.url).pathname.slice(1)} `) && idOf(line) !== own)
}
const idOf = (line: string) => Number(/^id=(\d+)/.exec(line)?.[1])
const dump = async () => {
  const keys = (await admin.keys('*')).sort()
  return Promise.all(keys.map(async (key) => [key, (await admin.dumpBuffer(key))?.toString('hex')]))
}

describe('a command that was decided as reading', () => {
  test.for([
    'SET a x',
    'set a x',
    'DEL a',
    'FLUSHALL',
    'FLUSHDB ASYNC',
    'EXPIRE a 1',
    'GETDEL a',
    'GETEX a PERSIST',
    'GETSET a x',
    'SET a x GET',
    'APPEND a x',
    'INCR c',
    'BITFIELD a SET u8 0 1',
    'LPOP list',
    'RENAME a c',
    'COPY a c',
    'MOVE a 0',
    'SORT list STORE c',
    'SORT_RO list BY nosort GET user:*->password',
    'EVAL return(redis.call("set","a","x")) 0',
    'EVAL_RO return(redis.call("get","a")) 0',
    'FCALL f 0',
    'FCALL_RO f 0',
    'FUNCTION LOAD x',
    'SCRIPT LOAD return(1)',
    'SCRIPT FLUSH',
    'CONFIG SET maxmemory 1',
    'CONFIG GET *',
    'CONFIG RESETSTAT',
    'DEBUG SLEEP 1',
    'ACL SETUSER x',
    'ACL LIST',
    'CLIENT KILL ID 1',
    'CLIENT PAUSE 1000',
    'CLIENT LIST',
    'MODULE LOAD x',
    'REPLICAOF localhost 1',
    'SLAVEOF localhost 1',
    'MIGRATE 127.0.0.1 1 a 0 1',
    'RESTORE c 0 x',
    'PUBLISH x y',
    'MEMORY PURGE',
    'XREAD BLOCK 0 STREAMS stream $',
    'XREADGROUP GROUP g c STREAMS stream >',
    'BLPOP nothing 0',
    'WAIT 0 0',
    'SAVE',
    'BGSAVE',
    'SHUTDOWN NOSAVE',
    'SWAPDB 0 1',
    'LATENCY RESET',
    'SLOWLOG RESET',
    'SLOWLOG GET',
    'OBJECT NOTHING a',
    'CONFIG',
    'NOTHING a',
    'GET|SET a x',
  ])('is not run where the server does not say that it reads: %s', async (line) => {
    const before = await dump()
    const settings = await admin.config('GET', 'maxmemory')
    expect(await told(line.split(' '))).toMatch(/^Not run: /)
    expect(await dump()).toEqual(before)
    expect(await admin.config('GET', 'maxmemory')).toEqual(settings)
  })

  test.for([
    'GET a',
    'gEt a',
    'MGET a b',
    'HGETALL user:1',
    'LRANGE list 0 -1',
    'SORT_RO list DESC',
    'XRANGE stream - +',
    'XREAD COUNT 1 STREAMS stream 0',
    'XINFO STREAM stream',
    'OBJECT ENCODING a',
    'MEMORY USAGE a',
    'TTL a',
    'TYPE a',
    'SCAN 0 COUNT 10',
    'PFCOUNT c',
    'PING',
    'ECHO x',
    'TIME',
    'DBSIZE',
    'INFO server',
    'COMMAND COUNT',
    'CLIENT ID',
    'ACL WHOAMI',
  ])('is run where the server says so, or it touches nothing: %s', async (line) => {
    expect(await told(line.split(' '))).toMatch(/^\{"value/)
  })

  test('is run on no key that was not decided', async () => {
    const onlyA = reading({ accesses: accesses('read', ['a']) })
    expect(await told(['GET', 'a'], onlyA)).toBe('{"value":"one"}')
    const why = 'Not run: the server finds a key in it that was not part of what was decided.'
    expect(await told(['GET', 'b'], onlyA)).toBe(why)
    expect(await told(['MGET', 'a', 'b'], onlyA)).toBe(why)
    expect(await told(['GET', 'A'], onlyA)).toBe(why)
    expect(await told(['ZINTER', '2', 'a', 'z'], onlyA)).toBe(why)
    expect(await told(['LCS', 'a', 'b'], onlyA)).toBe(why)
  })
})

describe('a command that was decided as writing', () => {
  test.for([
    ['RENAME', 'a', 'c'],
    ['COPY', 'a', 'c'],
    ['SORT', 'list', 'STORE', 'c'],
    ['SUNIONSTORE', 'c', 'set', 'set'],
  ])('changes no key that was decided for reading: %s', async (command) => {
    const grant = (target: string) =>
      writing({
        accesses: [...accesses('read', ['a', 'list', 'set', 'c']), ...accesses('write', ['a', target])],
      })
    expect(await told(command, grant('b'))).toBe(
      'Not run: it would change a key that was decided for reading.',
    )
    expect(await admin.exists('c')).toBe(0)
    expect(await told(command, grant('c'))).toMatch(/"value":/)
    expect(await admin.exists('c')).toBe(1)
  })

  test.for([
    'CONFIG SET maxmemory 1',
    'EVAL return(1) 0',
    'FLUSHALL',
    'BLPOP list 1',
    'PUBLISH x y',
    'CLIENT LIST',
  ])('is not run where to the server it is administration: %s', async (line) => {
    expect(await told(line.split(' '), writing())).toMatch(/^Not run: to the server/)
  })

  test('is run, and counted by the server', async () => {
    expect(await told(['SET', 'c', 'x'], writing())).toBe('{"value":"OK"}')
    expect(await told(['DEL', 'a', 'b'], writing())).toBe('{"value":2}')
    expect(await told(['SORT', 'list', 'DESC', 'STORE', 'c'], writing())).toBe('{"value":5}')
    expect(await told(['EVAL', 'return redis.call("get", KEYS[1])', '1', 'doc'], ruling())).toContain(
      'hunter2',
    )
  })
})

test.for([
  'MULTI',
  'SUBSCRIBE x',
  'PSUBSCRIBE x',
  'MONITOR',
  'CLIENT REPLY OFF',
  'SELECT 0',
  'AUTH x',
  'HELLO 3',
  'QUIT',
  'RESET',
  'SYNC',
])('what would change the connection itself is never run, whatever was decided: %s', async (line) => {
  expect(await told(line.split(' '), ruling())).toMatch(/^Not run: it would change the connection/)
  expect(await told(['GET', 'a'])).toBe('{"value":"one"}')
})

test('line ends and blanks in an argument are data', async () => {
  expect(await told(['GET', 'k\r\nFLUSHALL'])).toBe('{"value":null}')
  expect(await told(['GET a'])).toMatch(/^Not run: this is not the name of a command/)
  expect(await told(['GET\r\nFLUSHALL'])).toMatch(/^Not run/)
  expect(await told(['GET', 'a\ud800'])).toMatch(/not well-formed/)
  expect(await told(['SET', 'c', ' x\r\n'], writing())).toBe('{"value":"OK"}')
  expect(await admin.get('c')).toBe(' x\r\n')
})

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
  const shown = async (command: string[], field: string) => {
    const { data, sources } = await run(command, reading({ needsSources: true, redacts: true }))
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

test('a server that is not there, says nothing or refuses the account is said so, without its address or password', async () => {
  const silent = createServer((socket: Socket) => void socket.on('error', () => undefined))
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as { port: number }
  const wrong = new URL(fresh.url)
  wrong.username = 'nobody'
  wrong.password = 'geheim'
  for (const url of ['redis://:geheim@127.0.0.1:9/1', wrong.href, `redis://127.0.0.1:${port}`]) {
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
