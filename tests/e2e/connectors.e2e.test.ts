// Every built-in connector through the whole product: a client's call is decided by what it really touches, runs on
// the real system, and is redacted. For each thing allowed, the nearest thing denied.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { startMariadb } from '@mcpshield/testkit/mariadb'
import { startMongodb } from '@mcpshield/testkit/mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startProduct, type Product } from './product.ts'

let product: Product
let client: Client
let folder: string
let web: Server
let webUrl: string
const visits: string[] = []
const mariadb = await startMariadb()
const mongodb = await startMongodb()
if (mariadb === undefined) console.warn('SKIPPED: MySQL through the whole product, for want of a MariaDB')

beforeAll(async () => {
  product = await startProduct(21_500)
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-files-'))
  mkdirSync(join(folder, 'safe/private'), { recursive: true })
  writeFileSync(join(folder, 'safe/a.txt'), 'hello from ada@example.com')
  writeFileSync(join(folder, 'safe/private/p.txt'), 'hello private')
  writeFileSync(join(folder, 'secret.txt'), 'hello secret')
  symlinkSync('../secret.txt', join(folder, 'safe/out'))
  web = createServer((request, response) => {
    visits.push(request.url ?? '')
    if (request.url === '/moved')
      return response.writeHead(302, { location: 'http://localhost:1/elsewhere' }).end()
    response.setHeader('content-type', 'application/json').end('{"mail":"ada@example.com","plan":"pro"}')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => web.once('listening', resolve))
  webUrl = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
  await connections()
  client = await product.client()
})
afterAll(async () => {
  await client?.close()
  await product[Symbol.asyncDispose]()
  await mariadb?.[Symbol.asyncDispose]()
  await mongodb?.[Symbol.asyncDispose]()
  web.close()
  rmSync(folder, { recursive: true })
})

async function connections(): Promise<void> {
  const add = (body: object) => product.demo.api.send('POST', `${product.at}/connections`, body)
  await add({ name: 'box', kind: 'files', path: folder })
  await add({ name: 'web', kind: 'http' })
  await add({ name: 'cache', kind: 'redis', url: product.stack.backing.redisUrl })
  if (mariadb !== undefined) await add({ name: 'maria', kind: 'mysql', url: mariadb.url })
  if (mongodb !== undefined) await add({ name: 'mongo', kind: 'mongodb', url: mongodb.url })
}

type Result = { content: { text: string }[]; isError?: boolean; structuredContent?: Record<string, unknown> }

async function call(name: string, args: object): Promise<Result> {
  return (await client.callTool({ name, arguments: { ...args } })) as Result
}
const textOf = (result: Result) => result.content.map(({ text }) => text).join('\n')

/** Saves a policy and waits until the gateway decides by it: its last rule's name is then that of a denial. */
async function policy(rules: string): Promise<void> {
  const marker = `in-force-${Date.now()}`
  await product.setPolicy(
    `version: 1\nrules:\n${rules}\n  - { id: ${marker}, tool: "marker/none", decision: deny }\n`,
  )
  await expect.poll(async () => textOf(await call('marker__none', {}))).toContain(marker)
}

async function expectDenied(name: string, args: object, why: string): Promise<void> {
  const result = await call(name, args)
  expect(result.isError).toBe(true)
  expect(textOf(result)).toContain(why)
}

describe('files', () => {
  test('are read below an allowed prefix, redacted, and nowhere else', async () => {
    await policy(`  - tool: "filesystem.*"
    decision: deny
    conditions: { path_prefix: "${folder}/safe/private/" }
  - tool: ["filesystem.read", "filesystem.list", "filesystem.search"]
    decision: allow
    conditions: { path_prefix: "${folder}/safe/" }
    redact: [email]`)
    expect(textOf(await call('filesystem__read', { path: `${folder}/safe/a.txt` }))).toBe(
      'hello from [redacted:email]',
    )
    await expectDenied('filesystem__read', { path: `${folder}/secret.txt` }, 'secret.txt')
    await expectDenied('filesystem__read', { path: `${folder}/safe/../secret.txt` }, 'secret.txt')
    await expectDenied('filesystem__write', { path: `${folder}/safe/n.txt`, content: 'x' }, 'Denied')
    const throughLink = await call('filesystem__read', { path: `${folder}/safe/out` })
    expect(throughLink.isError).toBe(true)
    expect(textOf(throughLink)).not.toContain('hello secret')
  })

  test('a listing and a search leave out what a rule hides further down', async () => {
    const listed = textOf(await call('filesystem__list', { path: `${folder}/safe`, depth: 3 }))
    expect(listed).toContain('a.txt')
    expect(listed).not.toContain('p.txt')
    const found = textOf(await call('filesystem__search', { path: `${folder}/safe`, text: 'hello' }))
    expect(found).toContain('a.txt')
    expect(found).not.toContain('private')
    expect(found).not.toContain('ada@example.com')
  })

  test('are written where that is allowed, and not over what lies elsewhere', async () => {
    await policy(
      `  - { tool: "filesystem.write", decision: allow, conditions: { path_prefix: "${folder}/safe/" } }`,
    )
    const written = await call('filesystem__write', { path: `${folder}/safe/new.txt`, content: 'new' })
    expect(textOf(written)).not.toContain('Denied')
    expect(readFileSync(join(folder, 'safe/new.txt'), 'utf8')).toBe('new')
    const overLink = await call('filesystem__write', {
      path: `${folder}/safe/out`,
      content: 'x',
      mode: 'replace',
    })
    expect(overLink.isError).toBe(true)
    expect(readFileSync(join(folder, 'secret.txt'), 'utf8')).toBe('hello secret')
  })
})

describe('the network', () => {
  test('a named host is reached, and another is not, nor through a redirect', async () => {
    await policy(`  - tool: "network.request"
    decision: allow
    conditions: { allowed_domains: ["${webUrl}"] }
    redact: [email, { fields: ["plan"] }]`)
    visits.length = 0
    const answer = textOf(await call('network__request', { url: `${webUrl}/a` }))
    expect(answer).not.toContain('ada@example.com')
    expect(answer).not.toContain('"pro"')
    expect(visits).toEqual(['/a'])
    const port = new URL(webUrl).port
    await expectDenied('network__request', { url: `http://localhost:${port}/a` }, 'localhost')
    await expectDenied('network__request', { url: `${webUrl}@localhost/a` }, 'Denied')
    const moved = await call('network__request', { url: `${webUrl}/moved` })
    expect(textOf(moved)).toContain('localhost')
    expect(visits).toEqual(['/a', '/moved'])
  })
})

describe('Redis', () => {
  test('keys are read and written by their patterns', async () => {
    await policy(
      `  - { tool: "redis.command", decision: allow, conditions: { operations: [read, write], resources: ["e2e:*"] } }`,
    )
    expect(textOf(await call('redis__command', { command: ['SET', 'e2e:1', 'one'] }))).toContain('OK')
    expect(textOf(await call('redis__command', { command: ['GET', 'e2e:1'] }))).toContain('one')
    await expectDenied('redis__command', { command: ['GET', 'session:1'] }, 'session:1')
    await expectDenied('redis__command', { command: ['MGET', 'e2e:1', 'session:1'] }, 'session:1')
    await expectDenied('redis__command', { command: ['FLUSHALL'] }, 'Denied')
    await expectDenied('redis__command', { command: ['EVAL', 'return 1', '0'] }, 'Denied')
    await expectDenied('redis__command', { command: ['KEYS', 'e2e:*'] }, 'Denied')
  })
})

describe.skipIf(mariadb === undefined)('MySQL', () => {
  test('tables are read and changed as the rules say, and columns are redacted under any alias', async () => {
    const database = new URL(mariadb.url).pathname.slice(1)
    await policy(`  - { tool: "mysql.query", decision: allow, conditions: { operations: [schema, write], resources: ["${database}.people"] } }
  - tool: "mysql.query"
    decision: allow
    conditions: { operations: [read], resources: ["${database}.people"] }
    redact: [{ fields: ["*.mail"] }]`)
    await call('mysql__query', {
      sql: 'create table people (id int primary key, mail varchar(99), big bigint)',
    })
    await call('mysql__query', { sql: "insert into people values (1, 'ada@example.com', 9007199254740993)" })
    const read = textOf(await call('mysql__query', { sql: 'select id, mail as m, big from people' }))
    expect(read).toContain('9007199254740993')
    expect(read).not.toContain('ada@')
    await expectDenied('mysql__query', { sql: 'select * from mysql.user' }, 'mysql.user')
    await expectDenied(
      'mysql__query',
      { sql: 'select 1 from people /*! union select user from mysql.user */' },
      'Denied',
    )
    await expectDenied('mysql__query', { sql: "select * from people into outfile '/tmp/x'" }, 'Denied')
  })
})

describe.skipIf(mongodb === undefined)('MongoDB', () => {
  test('collections are read and written as the rules say', async () => {
    await policy(`  - tool: "mongodb.*"
    decision: allow
    conditions: { operations: [read, write], resources: ["people"] }
    redact: [email]`)
    await call('mongodb__insert', {
      collection: 'people',
      documents: [{ _id: 1, mail: 'ada@example.com', n: 5 }],
    })
    const found = textOf(await call('mongodb__find', { collection: 'people', filter: { n: { $gt: 1 } } }))
    expect(found).toContain('[redacted:email]')
    expect(textOf(await call('mongodb__count', { collection: 'people' }))).toContain('1')
    await expectDenied('mongodb__find', { collection: 'accounts' }, 'accounts')
    await expectDenied('mongodb__find', { collection: 'people', filter: { $where: 'true' } }, 'Denied')
    const joined = [{ $lookup: { from: 'accounts', localField: 'n', foreignField: 'n', as: 'x' } }]
    await expectDenied('mongodb__aggregate', { collection: 'people', pipeline: joined }, 'accounts')
  })
})
