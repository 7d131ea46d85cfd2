// The second wall alone, on a real Redis: the connector is told that a command only reads, or which keys it names,
// and that is not so.
import { describe, expect, test } from 'vitest'
import { accesses, admin, dump, reading, ruling, told, useStore, writing } from './redis-store.ts'

useStore()

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
