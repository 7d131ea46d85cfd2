import { isUnknown, type Facts, type JsonObject } from '@mcpshield/policy/facts'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { drawFacts, prepareParsers, type DrawOptions } from '../src/draw.ts'

beforeAll(prepareParsers)

const draw = (tool: string, args: unknown, options?: DrawOptions): Facts =>
  drawFacts({ method: 'tools/call', tool, arguments: args }, options)

describe('connectors', () => {
  const connections = [
    { name: 'warehouse', kind: 'postgresql', search_path: ['analytics'] },
    { name: 'local', kind: 'sqlite', schema: ['CREATE TABLE t(a, b)'] },
  ]

  test('a query is read on the only connection of its kind', () => {
    expect(draw('postgres.query', { sql: 'SELECT a FROM orders' }, { connections })).toEqual({
      method: 'tools/call',
      tool: 'postgres.query',
      arguments: { sql: 'SELECT a FROM orders' },
      paths: [],
      urls: [],
      accesses: [
        {
          connection: 'warehouse',
          operation: 'read',
          resource: 'analytics.orders',
          fields: ['a'],
          functions: [],
        },
      ],
    })
    expect(draw('sqlite.query', { sql: 'SELECT * FROM t' }, { connections }).accesses).toMatchObject([
      { connection: 'local', resource: 't', fields: ['a', 'b'] },
    ])
  })

  test('a connection that is not there, of another kind or not a name is unknown', () => {
    for (const connection of ['other', 'local', 7, null, ['warehouse']]) {
      const { accesses } = draw('postgres.query', { sql: 'SELECT 1', connection }, { connections })
      expect(accesses).toMatchObject([{ connection: { unknown: expect.any(String) as string } }])
    }
    expect(
      draw('postgres.query', { sql: 'SELECT 1', connection: 'warehouse' }, { connections }).accesses,
    ).toMatchObject([{ connection: 'warehouse' }])
  })

  test('with two of a kind, a call has to say which', () => {
    const two = [...connections, { name: 'second', kind: 'postgresql' }]
    expect(draw('postgres.query', { sql: 'SELECT 1' }, { connections: two }).accesses).toMatchObject([
      { connection: { unknown: expect.any(String) as string } },
    ])
    expect(
      draw('postgres.query', { sql: 'SELECT 1', connection: 'second' }, { connections: two }).accesses,
    ).toMatchObject([{ connection: 'second' }])
  })

  test('SQL that is missing, no string, or does not parse is unknown', () => {
    for (const args of [{}, { sql: 1 }, { sql: null }, { sql: 'SELEC' }, { sql: ['SELECT 1', 2] }])
      expect(isUnknown(draw('postgres.query', args).accesses)).toBe(true)
  })

  test('a command of MongoDB is read as the connector runs it, in the database of its connection', () => {
    const connections = [{ name: 'docs', kind: 'mongodb', database: 'shop' }]
    const accesses = (tool: string, args: JsonObject) => draw(tool, args, { connections }).accesses
    expect(accesses('mongodb.find', { collection: 'users', projection: { a: 1, _id: 0 } })).toEqual([
      { connection: 'docs', operation: 'read', resource: 'users', fields: ['a'], functions: [] },
    ])
    const merge = (db: string) => [{ $merge: { into: { db, coll: 'copy' } } }]
    expect(accesses('mongodb.aggregate', { collection: 'users', pipeline: merge('shop') })).toMatchObject([
      { operation: 'read', resource: 'users' },
      { operation: 'write', resource: 'copy' },
    ])
    expect(accesses('mongodb.aggregate', { collection: 'users', pipeline: merge('hr') })).toMatchObject([
      { operation: 'read', resource: 'users' },
      { operation: 'write', resource: { unknown: expect.any(String) as string } },
    ])
    for (const args of [
      {},
      { collection: 1 },
      { collection: 'a', filter: 'x' },
      { collection: 'a', $db: 'hr' },
    ])
      expect(isUnknown(accesses('mongodb.find', args as JsonObject)), JSON.stringify(args)).toBe(true)
  })

  test('a command of Redis is one list of texts', () => {
    const connections = [{ name: 'cache', kind: 'redis' }]
    const accesses = (command: unknown) =>
      drawFacts({ method: 'tools/call', tool: 'redis.command', arguments: { command } }, { connections })
        .accesses
    expect(accesses(['HGET', 'session:1', 'user'])).toEqual([
      { connection: 'cache', operation: 'read', resource: 'session:1', fields: ['user'], functions: [] },
    ])
    for (const command of [
      undefined,
      null,
      'GET a',
      [],
      ['GET', 1],
      [['GET', 'a']],
      { 0: 'GET' },
      ['NOSUCH'],
    ])
      expect(isUnknown(accesses(command)), JSON.stringify(command)).toBe(true)
  })

  test('a file is a path, a request a URL, and nothing else', () => {
    expect(draw('filesystem.read', { path: '/data/../etc/x', note: '/other' })).toMatchObject({
      paths: ['/etc/x'],
      urls: [],
      accesses: [],
    })
    expect(draw('network.request', { url: 'https://a.test/x' })).toMatchObject({
      paths: [],
      urls: [{ host: 'a.test', port: 443 }],
    })
    expect(draw('network.request', { url: 'ftp://a.test/x' }).urls).toMatchObject([
      { unknown: expect.any(String) as string },
    ])
    expect(draw('filesystem.read', {}).paths).toMatchObject([{ unknown: expect.any(String) as string }])
    expect(
      draw('filesystem.read', { path: 'a' }, { connections: [{ name: 'd', kind: 'files', root: '/data' }] })
        .paths,
    ).toEqual(['/data/a'])
  })

  test('are declared by the connector alone: a policy adds and takes nothing', () => {
    const declarations = { '*': { paths: ['note'] } }
    expect(draw('filesystem.read', { path: '/a', note: '/b' }, { declarations }).paths).toEqual(['/a'])
    expect(draw('other/read', { path: '/a', note: '/b' }, { declarations }).paths).toEqual(['/b'])
  })
})

describe('declared tools', () => {
  test('have exactly the declared facts', () => {
    const declarations = {
      'warehouse/run_*': { sql: { argument: 'statement', dialect: 'postgresql' as const, connection: 'dw' } },
    }
    const facts = draw(
      'warehouse/run_sql',
      { statement: 'SELECT a FROM t', path: '/etc/passwd' },
      { declarations },
    )
    expect(facts).toMatchObject({ paths: [], urls: [], accesses: [{ connection: 'dw', resource: 't' }] })
    expect(facts.guessed).toBeUndefined()
    expect(draw('warehouse/walk_sql', { path: '/etc/passwd' }, { declarations })).toMatchObject({
      guessed: true,
      paths: ['/etc/passwd'],
    })
  })

  test('may be declared in several places, and all of them count', () => {
    const declarations = { '*': { paths: ['a'] }, 'up/?ool': { urls: ['b.c'] } }
    expect(draw('up/tool', { a: '/x', b: { c: ['https://h.test', 5] } }, { declarations })).toMatchObject({
      paths: ['/x'],
      urls: [{ host: 'h.test' }, { unknown: expect.any(String) as string }],
    })
  })

  test('of a public server are known only where the upstream is declared to be it', () => {
    const args = { source: 'a', destination: '/data/b' }
    expect(draw('files/move_file', args, { server: 'server-filesystem', root: '/data' })).toMatchObject({
      paths: ['/data/a', '/data/b'],
    })
    expect(draw('files/move_file', args).guessed).toBe(true)
    expect(
      draw('db/execute_sql', { sql: 'SELECT 1 FROM t' }, { server: 'dbhub-sqlite' }).accesses,
    ).toMatchObject([{ resource: 't' }])
    expect(draw('files/constructor', {}, { server: 'server-filesystem' }).guessed).toBe(true)
    expect(draw('files/read_file', {}, { server: '__proto__' }).guessed).toBe(true)
  })
})

describe('tools of others', () => {
  test('get a URL only where every reader sees the same host in it', () => {
    for (const url of [
      'https://a.test\\@evil.test/',
      'https:a.test/',
      'https://a.test%2f.evil.test/',
      'https://%61.test/',
      'https://a.te\nst/',
      ' https://a.test/',
      'https://faß.test/',
      'http://010.0.0.1/',
      'http://0x7f.1/',
    ]) {
      expect(draw('x/get', { url }).urls, url).toMatchObject([{ unknown: expect.any(String) as string }])
      expect(draw('f/fetch', { url }, { server: 'server-fetch' }).urls, url).toMatchObject([
        { unknown: expect.any(String) as string },
      ])
    }
    for (const url of [
      'https://A.test:443/x\\y?z=@b',
      'http://10.0.0.1/',
      'https://bücher.test/',
      'http://[::1]:80',
    ])
      expect(draw('x/get', { url }).urls, url).toMatchObject([{ host: expect.any(String) as string }])
    // What we connect to ourselves is what we read.
    expect(draw('network.request', { url: 'https://a.test\\@evil.test/' }).urls).toMatchObject([
      { host: 'a.test' },
    ])
  })
})

describe('guessed tools', () => {
  const paths = (args: unknown) => draw('x/y', args).paths
  const urls = (args: unknown) => draw('x/y', args).urls
  const accesses = (args: unknown) => draw('x/y', args).accesses

  test('paths are found by name and by shape, at any depth', () => {
    expect(
      paths({ options: [{ outputPath: '/a' }], anything: '/b/../c', list: ['./d', 'plain'], '/e': 1 }),
    ).toEqual(['/a', '/c', { unknown: expect.any(String) as string }, '/e'])
    expect(paths({ profile: 'x', name: 'y' })).toEqual([])
  })

  test('URLs are found by name and by shape; file: URLs are paths', () => {
    expect(urls({ base_url: 'https://a.test', text: 'wss://b.test/x', uri: 'memo://c' })).toMatchObject([
      { host: 'a.test' },
      { host: 'b.test' },
      { unknown: expect.any(String) as string },
    ])
    expect(draw('x/y', { uri: 'file:///etc/x' })).toMatchObject({ paths: ['/etc/x'], urls: [] })
    expect(urls({ text: 'see https://a.test' })).toEqual([])
  })

  test('a value of the wrong type under a telling name is unknown', () => {
    for (const value of [1, true, null, { a: 1 }]) {
      expect(paths({ path: value })).toMatchObject([{ unknown: expect.any(String) as string }])
      expect(urls({ url: value })).toMatchObject([{ unknown: expect.any(String) as string }])
      expect(isUnknown(accesses({ sql: value }))).toBe(true)
    }
  })

  test('statements are read where they parse', () => {
    expect(accesses({ query: 'SELECT a FROM t' })).toMatchObject([
      { operation: 'read', resource: 't', connection: { unknown: expect.any(String) as string } },
    ])
    expect(accesses({ query: 'weather in Berlin' })).toEqual([])
    expect(accesses({ query: '{ user { id } }' })).toEqual([])
  })

  test('what looks like SQL and cannot be read is unknown, never nothing', () => {
    for (const query of [
      'SELECT `a` FROM t',
      '/* x */ PRAGMA x',
      'EXEC sp_who',
      "SELECT 1 INTO OUTFILE '/x'",
      '(SELECT FROM WHERE',
      '-- c\nDROP x',
      'USE db',
    ])
      expect(isUnknown(accesses({ query })), query).toBe(true)
    expect(isUnknown(accesses({ sql: 'anything at all' }))).toBe(true)
  })

  test('what another dialect reads otherwise is unknown', () => {
    for (const sql of [
      'SELECT 1 /*! FROM secret */',
      'SELECT 1 /* /* */ FROM secret -- */ */',
      'SELECT 1 --1 FROM t',
      "SELECT '\\' FROM secret -- '",
      'SELECT 1 # 2',
      'SELECT $$ FROM secret $$',
      'SELECT 1 -- a\rFROM t',
    ])
      expect(isUnknown(accesses({ sql })), sql).toBe(true)
    expect(accesses({ sql: 'SELECT 1 /* a */ -- b\n FROM t' })).toMatchObject([{ resource: 't' }])
  })
})

describe('whatever happens', () => {
  test('arguments that are no object leave everything unknown', () => {
    for (const args of [null, 'x', 1, true, ['/a']]) {
      const facts = draw('x/y', args)
      for (const kind of [facts.arguments, facts.paths, facts.urls, facts.accesses])
        expect(isUnknown(kind)).toBe(true)
    }
    expect(draw('x/y', undefined)).toMatchObject({ arguments: {}, paths: [], urls: [], accesses: [] })
  })

  test('too many or too deep arguments leave everything unknown', () => {
    let deep: JsonObject = {}
    for (let i = 0; i < 5_000; i++) deep = { deep }
    for (const args of [deep, { many: Array.from({ length: 20_000 }, () => 'x') }]) {
      const facts = draw('x/y', args)
      for (const kind of [facts.paths, facts.urls, facts.accesses]) expect(isUnknown(kind)).toBe(true)
    }
  })

  const tool = fc.constantFrom(
    'postgres.query',
    'sqlite.query',
    'mysql.query',
    'filesystem.read',
    'network.request',
    'x/y',
    'f/read_file',
    'redis.command',
    'mongodb.find',
    'mongodb.update',
    'm/aggregate',
    'm/explain',
    'r/hget',
    'p/browser_tabs',
  )
  const key = fc.constantFrom(
    'sql',
    'connection',
    'path',
    'paths',
    'url',
    'query',
    'a',
    '__proto__',
    'constructor',
    'source',
    'command',
    'collection',
    'database',
    'filter',
    'pipeline',
    'method',
    'name',
    'arguments',
  )
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('/a/../b', 'file://x', 'https://[', 'SELECT * FROM t', 'SELECT (', '~', '\0'),
  )
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.jsonValue(),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(key, tie('any'), { maxKeys: 3 }),
    ),
  })).any

  test('no JSON makes it throw', () => {
    fc.assert(
      fc.property(
        tool,
        fc.oneof(value, fc.dictionary(key, value)),
        fc.constantFrom(
          undefined,
          'server-filesystem',
          'dbhub-sqlite',
          'mongodb-mcp-server',
          'redis-mcp-server',
          'playwright',
        ),
        (name, args, server) => {
          const facts = drawFacts(
            { method: 'tools/call', tool: name, arguments: args },
            server === undefined ? {} : { server },
          )
          expect(facts.tool).toBe(name)
          expect(JSON.parse(JSON.stringify(facts))).toBeDefined()
        },
      ),
      { numRuns: 500 },
    )
  })

  test('a declared argument that is no string is unknown, whatever else it is', () => {
    fc.assert(
      fc.property(
        fc.jsonValue().filter((v) => typeof v !== 'string' && !Array.isArray(v)),
        (given) => {
          expect(draw('filesystem.read', { path: given }).paths).toMatchObject([
            { unknown: expect.any(String) as string },
          ])
          expect(draw('network.request', { url: given }).urls).toMatchObject([
            { unknown: expect.any(String) as string },
          ])
          expect(isUnknown(draw('postgres.query', { sql: given }).accesses)).toBe(true)
        },
      ),
    )
  })
})
