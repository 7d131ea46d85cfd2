// The production files as they would run: see rehearsal.ts.
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDataDir } from '../dev/data-dir.ts'
import { readCompose, ROOT } from './compose-file.ts'
import { rehearse, type Rehearsal } from './rehearsal.ts'
import { REDIS_KEYS } from './store-accounts.ts'
import { codeFromMailbox, signUp, soon } from './verify/account.ts'
import { asking } from './verify/asking.ts'
import { findings } from './verify/findings.ts'
import { verify } from './verify.ts'

const WITHIN_MS = 30_000
const folder = mkdtempSync(join(tmpdir(), 'mcpshield-rehearsal-'))
const opened: AsyncDisposable[] = []
let running: Rehearsal

beforeAll(async () => {
  const dataDir = openDataDir(folder)
  opened.push({ [Symbol.asyncDispose]: async () => dataDir[Symbol.dispose]() })
  const programsDir = join(ROOT, 'node_modules/.cache/mcpshield')
  running = await rehearse(dataDir, { env: process.env, programsDir, progress: () => undefined })
  opened.push(running)
})
afterAll(async () => {
  for (const each of opened.toReversed()) await each[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('verify_setup finds nothing wrong: doors, headers, parts, a call allowed, one denied, both in the record', async () => {
  const { urls, door, mail } = running
  const ask = asking(door)
  const lines: string[] = []
  const found = findings((line) => lines.push(line))
  const readCode = codeFromMailbox(mail, asking())
  await verify({ urls, ask, session: () => signUp(urls.api, ask, { readCode }) }, found)
  expect(found.all.filter(({ outcome }) => outcome !== 'ok')).toEqual([])
  expect(found.all.length).toBeGreaterThan(20)
})

test('verify_setup.sh --sign-up asks for the code that is mailed, and leaves no account behind', async () => {
  const email = `operator-${randomUUID()}@example.com`
  const { child, output } = startVerify(email)
  await expect.poll(output, { timeout: WITHIN_MS }).toContain(`The code that was mailed to ${email}: `)
  child.stdin?.write(`${await codeFromMailbox(running.mail, asking())(email)}\n`)
  expect(await exitOf(child), output()).toBe(0)
  expect(output()).toMatch(/ok {6}the account made for this is deleted\n[^]* 0 failed, 0 skipped/)
})

test('with a wrong code it says that one cannot sign in, and ends with 1', async () => {
  const email = `mistaken-${randomUUID()}@example.com`
  const { child, output } = startVerify(email)
  await expect.poll(output, { timeout: WITHIN_MS }).toContain(`The code that was mailed to ${email}: `)
  child.stdin?.write('00000000\n')
  expect(await exitOf(child), output()).toBe(1)
  expect(output()).toMatch(/failed {2}one can sign in: /)
})

test('a SIEM reads its organisation’s record over wss through Caddy, by the documented consumer', async () => {
  const { urls, door, mail } = running
  const ask = asking(door)
  const session = await signUp(urls.api, ask, { readCode: codeFromMailbox(mail, asking()) })
  await session.api('POST', '/billing/subscribe', { plan: 'enterprise' })
  const { creds, connection } = await soon(WITHIN_MS, () =>
    session.api<{ creds: string; connection: { url: string } }>('POST', '/organization/siem-credentials', {
      name: 'Rehearsal',
    }),
  )
  expect(connection.url).toBe(`wss://localhost:${door.port}`)
  const { child, output } = startConsumer(creds, connection)
  try {
    const project = await session.api<{ id: string }>('POST', '/projects', {
      name: 'Read by a SIEM',
      environment: 'dev',
      infrastructure: ['files'],
    })
    const { api_key: key } = await session.api<{ api_key: string }>('POST', `/projects/${project.id}/keys`, {
      name: 'Read by a SIEM',
    })
    const decided = await soon(WITHIN_MS, async () => {
      const { status, text } = await ask(`${urls.api}/policy/evaluate`, {
        method: 'POST',
        headers: { 'x-api-key': key },
        body: { tool: 'files/read-by-siem', arguments: {} },
      })
      if (status !== 200) throw new Error(`status ${status}: ${text}`)
      return JSON.parse(text) as { decision_id: string }
    })
    await expect.poll(output, { timeout: WITHIN_MS }).toContain(decided.decision_id)
  } finally {
    child.kill('SIGKILL')
    await session.leave()
  }
})

test('every service says that it is well to its container', async () => {
  const { services } = readCompose()
  const names = Object.keys(services).filter(
    (name) => services[name]?.build !== undefined && name !== 'prepare',
  )
  expect(names.length).toBeGreaterThan(10)
  const codes = await Promise.all(names.map(async (name) => [name, await running.health(name)]))
  expect(codes).toEqual(names.map((name) => [name, 0]))
})

test.for(Object.keys(REDIS_KEYS))('%s reads its own keys of Redis and nobody else’s', async (service) => {
  const url = readFileSync(join(running.secrets, `redis-url-${service}`), 'utf8')
  const redis = new Redis(url)
  redis.on('error', () => undefined)
  try {
    const prefixes = REDIS_KEYS[service]!.map((pattern) => pattern.slice(0, -1))
    for (const prefix of prefixes) expect(await redis.exists(`${prefix}probe`)).toBe(0)
    const others = Object.values(REDIS_KEYS)
      .flat()
      .map((pattern) => pattern.slice(0, -1))
      .filter((prefix) => !prefixes.includes(prefix))
    for (const prefix of others) await expect(redis.get(`${prefix}probe`)).rejects.toThrow(/NOPERM/)
    await expect(redis.keys('*')).rejects.toThrow(/NOPERM/)
    await expect(redis.config('GET', 'requirepass')).rejects.toThrow(/NOPERM/)
    await expect(redis.flushall()).rejects.toThrow(/NOPERM/)
  } finally {
    redis.disconnect()
  }
})

test('whoever says nothing of themselves may not read from Redis', async () => {
  const redis = new Redis({ host: '127.0.0.1', port: running.redisPort, maxRetriesPerRequest: 0 })
  redis.on('error', () => undefined)
  try {
    expect(await redis.ping()).toBe('PONG')
    await expect(redis.get('web:session:x')).rejects.toThrow(/NOPERM/)
  } finally {
    redis.disconnect()
  }
})

/** As an operator runs it, at a terminal of theirs. */
function startVerify(email: string) {
  const { urls, door } = running
  const flags = ['--app', urls.app, '--api', urls.api, '--mcp', urls.mcp, '--sign-up', email]
  const place = ['--connect-to', `${door.host}:${door.port}:${door.plainPort}`]
  return started(join(ROOT, 'verify_setup.sh'), [...flags, ...place])
}

/** docs/siem/consumer.js as it is, by the name that its library has here. */
function startConsumer(creds: string, connection: object) {
  const [credsFile, connectionFile] = [join(folder, 'siem.creds'), join(folder, 'siem.json')]
  writeFileSync(credsFile, creds, { mode: 0o600 })
  writeFileSync(connectionFile, JSON.stringify(connection))
  const names = `import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, context, next) => next(name === '@nats-io/transport-node' ? 'nats' : name, context) })`
  const preload = `data:text/javascript,${encodeURIComponent(names)}`
  const program = join(ROOT, 'docs/siem/consumer.js')
  return started(process.execPath, ['--import', preload, program, credsFile, connectionFile])
}

/** A program that trusts the authority of Caddy’s certificates; `output` is all that it has said. */
function started(command: string, args: string[]) {
  const authority = join(folder, 'authority.crt')
  writeFileSync(authority, running.door.authority ?? '')
  const child = spawn(command, args, { env: { ...process.env, NODE_EXTRA_CA_CERTS: authority } })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { child, output: () => output }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit')
  return child.exitCode
}
