// Public servers: for each kind of tool a call as it comes, and the nearest one that a rule must see through.
import { isUnknown, type JsonObject } from '@mcpshield/policy/facts'
import { beforeAll, describe, expect, test } from 'vitest'
import { catalogueEntry, knownServers } from '../src/catalogue.ts'
import { drawFacts, prepareParsers, type DrawOptions } from '../src/draw.ts'

beforeAll(prepareParsers)

const unknown = { unknown: expect.any(String) as string }
const draw = (server: string, tool: string, args: JsonObject, options: DrawOptions = {}) =>
  drawFacts({ method: 'tools/call', tool: `up/${tool}`, arguments: args }, { server, ...options })

describe('files and the web', () => {
  test.each<[string, string, JsonObject, (string | object)[]]>([
    ['server-filesystem', 'read_text_file', { path: '/data/a.txt' }, ['/data/a.txt']],
    ['server-filesystem', 'read_text_file', { path: '/data/../etc/passwd' }, ['/etc/passwd']],
    ['server-filesystem', 'read_multiple_files', { paths: ['/data/a', '/etc/b'] }, ['/data/a', '/etc/b']],
    ['server-filesystem', 'move_file', { source: '/data/a', destination: '/etc/a' }, ['/data/a', '/etc/a']],
    ['server-filesystem', 'write_file', { file: '/data/a' }, [unknown]],
    ['server-git', 'git_add', { repo_path: '/repo', files: ['/etc/passwd'] }, ['/repo', '/etc/passwd']],
    ['playwright', 'browser_file_upload', { paths: ['/data/a'] }, ['/data/a']],
    ['playwright', 'browser_file_upload', {}, []],
    ['playwright', 'browser_take_screenshot', { filename: '../../.bashrc' }, [unknown]],
    ['playwright', 'browser_take_screenshot', {}, []],
    ['github-mcp-server', 'get_file_contents', { owner: 'o', repo: 'r', path: 'src/a.ts' }, []],
  ])('%s %s %j touches the paths %j', (server, tool, args, paths) => {
    expect(draw(server, tool, args)).toMatchObject({ paths, urls: [], accesses: [] })
  })

  test.each<[string, string, JsonObject, (object | string)[]]>([
    ['server-fetch', 'fetch', { url: 'https://a.test/x' }, [{ host: 'a.test' }]],
    ['server-fetch', 'fetch', { url: 'file:///etc/passwd' }, [unknown]],
    ['mcp-fetch-server', 'fetch_json', { url: 'https://a.test', headers: {} }, [{ host: 'a.test' }]],
    ['mcp-fetch-server', 'fetch_json', { url: 'https://a.test\\@b.test' }, [unknown]],
    ['playwright', 'browser_navigate', { url: 'http://169.254.169.254/' }, [{ host: '169.254.169.254' }]],
    ['playwright', 'browser_navigate', { url: 'file:///etc/passwd' }, [unknown]],
    ['playwright', 'browser_tabs', { action: 'new', url: 'https://a.test' }, [{ host: 'a.test' }]],
    ['playwright', 'browser_tabs', { action: 'list' }, []],
    ['puppeteer', 'puppeteer_navigate', { url: 'https://a.test' }, [{ host: 'a.test' }]],
    ['server-brave-search', 'brave_web_search', { query: 'select a good laptop' }, []],
    ['server-slack', 'slack_post_message', { channel_id: 'C1', text: '/etc/passwd' }, []],
  ])('%s %s %j reaches %j', (server, tool, args, urls) => {
    expect(draw(server, tool, args)).toMatchObject({ urls, accesses: [] })
  })

  test('a script in a page, or another command line for the browser, may reach anything', () => {
    expect(isUnknown(draw('playwright', 'browser_evaluate', { function: '() => fetch("x")' }).urls)).toBe(
      true,
    )
    expect(isUnknown(draw('puppeteer', 'puppeteer_evaluate', { script: 'fetch("x")' }).urls)).toBe(true)
    const launched = draw('puppeteer', 'puppeteer_navigate', { url: 'https://a.test', launchOptions: {} })
    expect([launched.urls, launched.paths].every(isUnknown)).toBe(true)
  })
})

describe('databases', () => {
  const accesses = (server: string, tool: string, args: JsonObject) => {
    const drawn = draw(server, tool, args).accesses
    return Array.isArray(drawn)
      ? drawn.map(({ operation, resource }) => [operation, isUnknown(resource) ? null : resource])
      : undefined
  }
  const shop = { database: 'shop', collection: 'orders' }
  const mongodb = (tool: string, args: JsonObject) => accesses('mongodb-mcp-server', tool, args)

  test.each<[string, JsonObject, unknown[][] | undefined]>([
    ['find', { ...shop, filter: { a: 1 }, limit: 5 }, [['read', 'shop.orders']]],
    [
      'find',
      { ...shop, filter: { $where: '1' } },
      [
        ['read', 'shop.orders'],
        ['admin', 'shop.orders'],
      ],
    ],
    ['find', { collection: 'orders' }, undefined],
    ['aggregate', { ...shop, pipeline: [{ $limit: 1 }] }, [['read', 'shop.orders']]],
    [
      'aggregate',
      { ...shop, pipeline: [{ $out: 'x' }] },
      [
        ['read', 'shop.orders'],
        ['write', 'shop.x'],
      ],
    ],
    [
      'aggregate',
      { ...shop, pipeline: [{ $out: { db: 'hr', coll: 'x' } }] },
      [
        ['read', 'shop.orders'],
        ['write', 'hr.x'],
      ],
    ],
    ['aggregate', { ...shop }, undefined],
    ['aggregate-db', { database: 'shop', pipeline: [{ $currentOp: {} }] }, [['admin', null]]],
    ['count', { ...shop, query: {} }, [['read', 'shop.orders']]],
    [
      'explain',
      { ...shop, method: [{ name: 'find', arguments: { filter: {} } }] },
      [['read', 'shop.orders']],
    ],
    [
      'explain',
      { ...shop, method: [{ name: 'aggregate', arguments: { pipeline: [{ $out: 'x' }] } }] },
      [
        ['read', 'shop.orders'],
        ['write', 'shop.x'],
      ],
    ],
    ['explain', { ...shop, method: [] }, undefined],
    ['explain', { ...shop, method: [{ name: 'constructor', arguments: {} }] }, undefined],
    ['export', { ...shop, exportTarget: [{ name: 'find', arguments: {} }] }, [['read', 'shop.orders']]],
    [
      'export',
      {
        ...shop,
        exportTarget: [
          { name: 'find', arguments: {} },
          { name: 'find', arguments: {} },
        ],
      },
      undefined,
    ],
    ['insert-many', { ...shop, documents: [{ a: 1 }] }, [['write', 'shop.orders']]],
    ['update-many', { ...shop, filter: { a: 1 }, update: { $set: { b: 1 } } }, [['write', 'shop.orders']]],
    ['update-many', { ...shop, update: [{ $out: 'x' }] }, undefined],
    ['delete-many', { ...shop }, [['write', 'shop.orders']]],
    ['create-collection', { ...shop }, [['schema', 'shop.orders']]],
    ['drop-collection', { ...shop }, [['schema', 'shop.orders']]],
    ['drop-database', { database: 'shop' }, [['schema', null]]],
    [
      'rename-collection',
      { ...shop, newName: 'old' },
      [
        ['schema', 'shop.orders'],
        ['schema', 'shop.old'],
      ],
    ],
    ['rename-collection', { ...shop }, undefined],
    [
      'create-index',
      { ...shop, definition: [{ type: 'classic', keys: { a: 1 } }] },
      [['schema', 'shop.orders']],
    ],
    ['create-index', { ...shop, definition: [{ type: 'other' }] }, undefined],
    ['drop-index', { ...shop, indexName: 'a' }, [['schema', 'shop.orders']]],
    ['collection-schema', { ...shop }, [['read', 'shop.orders']]],
    ['collection-indexes', { ...shop }, [['read', 'shop.orders']]],
    ['list-collections', { database: 'shop' }, [['read', null]]],
    ['mongodb-logs', {}, [['admin', null]]],
    ['connect', { connectionString: 'mongodb://elsewhere' }, undefined],
  ])('mongodb-mcp-server %s %j touches %j', (tool, args, expected) => {
    expect(mongodb(tool, args)).toEqual(expected)
  })

  test.each<[string, JsonObject, unknown[][] | undefined]>([
    ['get', { key: 'a' }, [['read', 'a']]],
    ['get', { key: ['a'] }, undefined],
    ['get', { name: 'a' }, undefined],
    ['set', { key: 'a', value: { x: 1 }, expiration: 5 }, [['write', 'a']]],
    ['delete', { key: 'a' }, [['write', 'a']]],
    ['hget', { name: 'h', key: 'f' }, [['read', 'h']]],
    ['hset', { name: 'h', key: 'f', value: 1 }, [['write', 'h']]],
    ['get_vector_from_hash', { name: 'h' }, [['read', 'h']]],
    [
      'lpop',
      { name: 'l' },
      [
        ['write', 'l'],
        ['read', 'l'],
      ],
    ],
    ['zrange', { key: 'z', start: 0, end: -1 }, [['read', 'z']]],
    [
      'rename',
      { old_key: 'secret', new_key: 'open' },
      [
        ['write', 'secret'],
        ['read', 'secret'],
        ['write', 'open'],
      ],
    ],
    ['rename', { old_key: 'secret' }, undefined],
    ['xadd', { key: 's', fields: { a: 1 } }, [['write', 's']]],
    ['scan_all_keys', { pattern: 'a*' }, [['read', null]]],
    ['info', {}, [['admin', null]]],
    ['client_list', {}, [['admin', null]]],
    ['publish', { channel: 'c', message: 'm' }, [['admin', null]]],
    ['json_get', { name: 'a', path: '$' }, undefined],
  ])('redis-mcp-server %s %j touches %j', (tool, args, expected) => {
    expect(accesses('redis-mcp-server', tool, args)).toEqual(expected)
  })

  test('a field of a hash is told', () => {
    expect(draw('redis-mcp-server', 'hget', { name: 'h', key: 'pin' }).accesses).toMatchObject([
      { fields: ['pin'] },
    ])
    expect(draw('redis-mcp-server', 'hgetall', { name: 'h' }).accesses).toMatchObject([{ fields: unknown }])
  })

  test.each<[string, string, JsonObject, unknown[][] | undefined]>([
    ['server-postgres', 'query', { sql: 'SELECT a FROM hr.salaries' }, [['read', 'hr.salaries']]],
    [
      'server-postgres',
      'query',
      { sql: 'COMMIT; DROP TABLE t' },
      [
        ['admin', null],
        ['schema', 't'],
      ],
    ],
    ['server-sqlite', 'read_query', { query: 'SELECT a FROM t' }, [['read', 't']]],
    ['server-sqlite', 'read_query', { query: 'DELETE FROM t' }, [['write', 't']]],
    ['mcp-server-mysql', 'mysql_query', { query: 'SELECT 1' }, undefined],
    ['dbhub-sqlite', 'execute_sql', { sql: 'SELEC' }, undefined],
  ])('%s %s %j touches %j', (server, tool, args, expected) => {
    const found = accesses(server, tool, args)
    if (expected?.some(([operation]) => operation === 'admin'))
      expect(found?.map(([o]) => o)).toContain('admin')
    else expect(found).toEqual(expected)
  })
})

test('a server is known by its whole name, and its tools by theirs', () => {
  for (const server of knownServers) {
    expect(catalogueEntry('up/constructor', server)).toBeUndefined()
    expect(catalogueEntry('up/no_such_tool', server)).toBeUndefined()
    // A folder may be called so by chance, and would then speak for the tools of anyone.
    expect(server).not.toMatch(/^(github|slack|redis|mongodb|mysql|fetch)$/)
  }
})
