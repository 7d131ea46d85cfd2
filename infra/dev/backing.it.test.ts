import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createClient } from '@clickhouse/client'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Redis } from 'ioredis'
import { connect } from 'nats'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { type Backing, startBacking, type StoreName } from './backing.ts'
import { openDataDir } from './data-dir.ts'
import { processIdentity } from './identity.ts'
import { openNatsConfig } from './nats.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcpshield-backing-'))
const programsDir = join(import.meta.dirname, '../../node_modules/.cache/mcpshield')
const progress: string[] = []
const takenPorts: Server[] = []
let running: { backing: Backing; stop: () => Promise<void> }

beforeAll(async () => {
  mkdirSync(programsDir, { recursive: true })
  symlinkSync(programsDir, join(folder, 'bin')) // fetched once, not at every run
  // The usual ports are taken, as beside an installation that runs already.
  for (const port of [15432, 14222, 16379, 18123]) {
    const server = createServer().listen(port, '127.0.0.1')
    server.on('error', () => {}) // somebody else has it: as good
    takenPorts.push(server)
  }
  running = await start()
})
afterAll(async () => {
  await running.stop()
  for (const server of takenPorts) server.close()
  rmSync(folder, { recursive: true, force: true })
})

async function start(env: NodeJS.ProcessEnv = { PATH: process.env.PATH }) {
  await using stack = new AsyncDisposableStack()
  const dataDir = stack.use(openDataDir(folder))
  const options = {
    dataDir,
    env,
    progress: (line: string) => progress.push(line),
    natsConfig: openNatsConfig,
  }
  const backing = stack.use(await startBacking(options))
  const kept = stack.move()
  return { backing, stop: () => kept.disposeAsync() }
}

const stores: Record<
  StoreName,
  { write: (value: string) => Promise<unknown>; read: () => Promise<unknown> }
> = {
  postgres: {
    write: (value) =>
      sql(`CREATE TABLE IF NOT EXISTS kept (value text); INSERT INTO kept VALUES ('${value}')`),
    read: async () =>
      (await sql('SELECT value FROM kept ORDER BY 1')).rows.map(({ value }: { value: string }) => value),
  },
  redis: {
    write: (value) => redis((client) => client.rpush('kept', value)),
    read: () => redis((client) => client.lrange('kept', 0, -1)),
  },
  nats: {
    write: (value) =>
      nats(async (connection) => {
        await (await jetstreamManager(connection)).streams.add({ name: 'KEPT', subjects: ['kept'] })
        await jetstream(connection).publish('kept', value)
      }),
    read: () =>
      nats(async (connection) => {
        const manager = await jetstreamManager(connection)
        const { state } = await manager.streams.info('KEPT')
        const messages = Array.from({ length: state.messages }, (_, at) =>
          manager.streams.getMessage('KEPT', { seq: at + 1 }),
        )
        return (await Promise.all(messages)).map((message) => message!.string())
      }),
  },
  clickhouse: {
    write: (value) =>
      clickhouse(async (client) => {
        await client.command({
          query: 'CREATE TABLE IF NOT EXISTS kept (value String) ENGINE = MergeTree ORDER BY value',
        })
        await client.insert({ table: 'kept', values: [{ value }], format: 'JSONEachRow' })
      }),
    read: () =>
      clickhouse(async (client) => {
        const rows = await (
          await client.query({ query: 'SELECT value FROM kept ORDER BY 1', format: 'JSONEachRow' })
        ).json<{ value: string }>()
        return rows.map(({ value }) => value)
      }),
  },
}
const names = Object.keys(stores) as StoreName[]

test.for(names)(
  '%s answers its own client, and comes back by itself after kill -9 with what it held',
  async (name) => {
    await stores[name].write('before')
    const pid = running.backing.pids()[name]!
    process.kill(pid, 'SIGKILL')
    await vi.waitFor(() => expect(running.backing.pids()[name]).not.toBe(pid), 20_000)
    await vi.waitFor(async () => expect(await stores[name].read()).toEqual(['before']), {
      timeout: 20_000,
      interval: 200,
    })
  },
)

test('a second start on the folder keeps the data, the passwords and the addresses', async () => {
  const { databaseUrl, natsUrl, redisUrl, clickhouseUrl } = running.backing
  await running.stop()
  running = await start()
  expect(running.backing).toMatchObject({ databaseUrl, natsUrl, redisUrl, clickhouseUrl })
  for (const name of names) expect(await stores[name].read()).toEqual(['before'])
})

test('a password is needed, and another one does not do', async () => {
  const wrong = (url: string) => Object.assign(new URL(url), { password: 'wrong' }).href
  const { databaseUrl, redisUrl, clickhouseUrl } = running.backing
  await expect(sql('SELECT 1', wrong(databaseUrl))).rejects.toThrow('password authentication failed')
  await expect(redis((client) => client.get('kept'), wrong(redisUrl))).rejects.toThrow(/WRONGPASS|NOAUTH/)
  await expect(
    clickhouse((client) => client.query({ query: 'SELECT 1' }), wrong(clickhouseUrl)),
  ).rejects.toMatchObject({ code: '516' })
})

test('after stop nothing of it runs', async () => {
  const identities = Object.values(running.backing.pids()).map((pid) => ({
    pid,
    identity: processIdentity(pid),
  }))
  await running.stop()
  expect(identities.map(({ pid }) => processIdentity(pid))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  expect(identities.every(({ identity }) => identity !== undefined)).toBe(true)
  running = await start()
})

test('a store that the environment names is used and not started, and not stopped either', async () => {
  const shared = inject('stores')
  await running.stop()
  running = await start({
    PATH: process.env.PATH,
    REDIS_URL: shared.redisUrl,
    DATABASE_URL: shared.databaseUrl,
  })
  expect(running.backing.redisUrl).toBe(shared.redisUrl)
  expect(running.backing.sources).toMatchObject({
    redis: 'environment',
    postgres: 'environment',
    clickhouse: 'npm chdb',
  })
  expect(running.backing.pids()).toEqual({
    nats: expect.any(Number) as number,
    clickhouse: expect.any(Number) as number,
  })
  await running.stop()
  expect(await redis((client) => client.ping(), shared.redisUrl)).toBe('PONG')
  running = await start()
})

test('when one store cannot start, the error says which and why, and the others are stopped', async () => {
  await running.stop()
  const before = progress.length
  using dataDir = openDataDir(folder)
  const natsConfig = () => 'no_such_setting: 1'
  const options = {
    dataDir,
    env: { PATH: process.env.PATH },
    progress: (line: string) => progress.push(line),
    natsConfig,
  }
  await expect(startBacking(options)).rejects.toThrow(/nats did not start[\s\S]*no_such_setting/)
  expect(progress.slice(before)).toEqual([])
  dataDir[Symbol.dispose]()
  running = await start() // which would find ports and folders in use, were any left running
  expect(await stores.redis.read()).toEqual(['before'])
})

// Stores stop in their own time, which a loaded machine stretches.
test(
  'kill -9 of the owner takes its stores along, and the next start has the data',
  { timeout: 150_000 },
  async () => {
    await running.stop()
    const { owner, urls } = await startOwner()
    const pids = await postgresPids(urls.databaseUrl)
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    await vi.waitFor(
      async () => {
        expect(pids.map((pid) => processIdentity(pid))).toEqual(pids.map(() => undefined))
        await expect(redis((client) => client.ping(), urls.redisUrl)).rejects.toThrow()
      },
      { timeout: 60_000, interval: 100 },
    )
    running = await start()
    for (const name of names) expect(await stores[name].read()).toEqual(['before'])
  },
)

test('kill -9 of the owner and of the process that cleans up after it: the next start stops what is left and recovers', async () => {
  await running.stop()
  const { owner, urls } = await startOwner()
  const pids = await postgresPids(urls.databaseUrl)
  for (const pid of await childrenNamed(owner.pid!, 'reaper.ts')) process.kill(pid, 'SIGKILL')
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  expect(processIdentity(pids[0]!)).toBeDefined()
  const before = progress.length
  running = await start()
  expect(progress.slice(before).join()).toContain('stopped what an earlier start had left')
  for (const name of names) expect(await stores[name].read()).toEqual(['before'])
})

async function startOwner(): Promise<{ owner: ChildProcess; urls: Backing }> {
  const env = { ...process.env, MCPSHIELD_DATA_DIR: folder }
  const owner = spawn(process.execPath, [join(import.meta.dirname, 'backing.ts'), '--print'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string]
  return { owner, urls: JSON.parse(line) as Backing }
}

async function postgresPids(url: string): Promise<number[]> {
  const { rows } = await sql("SELECT pg_read_file('postmaster.pid') AS file", url)
  return [Number((rows[0] as { file: string }).file.split('\n')[0])]
}

async function childrenNamed(parent: number, name: string): Promise<number[]> {
  const ps = spawn('ps', ['-o', 'pid=,args=', '--ppid', String(parent)])
  let output = ''
  for await (const chunk of ps.stdout) output += String(chunk)
  const pids = output
    .split('\n')
    .filter((line) => line.includes(name))
    .map((line) => parseInt(line, 10))
  expect(pids).toHaveLength(1)
  return pids
}

async function sql(statement: string, url = running.backing.databaseUrl): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // the server may be killed meanwhile
  try {
    await client.connect()
    return await client.query(statement)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function redis<T>(use: (client: Redis) => Promise<T>, url = running.backing.redisUrl): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null })
  let cause: unknown // the rejected command alone says only that the connection closed
  client.on('error', (error) => (cause = error))
  try {
    await client.connect()
    return await use(client)
  } catch (error) {
    throw cause ?? error
  } finally {
    client.disconnect()
  }
}

async function nats<T>(use: (connection: Awaited<ReturnType<typeof connect>>) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: running.backing.natsUrl, reconnect: false })
  try {
    return await use(connection)
  } finally {
    await connection.close()
  }
}

async function clickhouse<T>(
  use: (client: ReturnType<typeof createClient>) => Promise<T>,
  url = running.backing.clickhouseUrl,
): Promise<T> {
  const client = createClient({ url, log: { level: 127 } })
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}
