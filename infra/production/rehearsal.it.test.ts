// The production files as they would run: see rehearsal.ts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDataDir } from '../dev/data-dir.ts'
import { readCompose, ROOT } from './compose-file.ts'
import { rehearse, type Rehearsal } from './rehearsal.ts'
import { REDIS_KEYS } from './store-accounts.ts'
import { codeFromMailbox, signUp } from './verify/account.ts'
import { asking } from './verify/asking.ts'
import { findings } from './verify/findings.ts'
import { verify } from './verify.ts'

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
