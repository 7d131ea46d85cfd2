// The stores the product stands on, without Docker and without anything to configure: found, fetched, started, kept alive.
// `node infra/dev/backing.ts --print` runs them in the foreground and prints one line of JSON with their URLs.
import { startClickhouse } from './clickhouse.ts'
import { openDataDir } from './data-dir.ts'
import { type NatsConfigText, openNatsConfig, startNats } from './nats.ts'
import { stopLeftovers } from './pid-records.ts'
import { startPostgres } from './postgres.ts'
import { startReaper } from './process.ts'
import { startRedis } from './redis.ts'
import { SetupError } from './setup-error.ts'
import type { Store, StoreOptions } from './store.ts'

export type StoreName = 'postgres' | 'nats' | 'redis' | 'clickhouse'

export interface Backing extends AsyncDisposable {
  /** The superuser's, on the maintenance database. */
  readonly databaseUrl: string
  readonly natsUrl: string
  readonly redisUrl: string
  readonly clickhouseUrl: string
  /** Where each store comes from, for people. */
  readonly sources: Readonly<Record<StoreName, string>>
  /** The process id of each store that was started here, as of now. */
  readonly pids: () => Partial<Record<StoreName, number>>
}

/** `env` may name stores that run already: DATABASE_URL, NATS_URL, REDIS_URL, CLICKHOUSE_URL. */
export interface BackingOptions extends StoreOptions {
  natsConfig: NatsConfigText
}

/** Starts what the environment does not name. On failure nothing is left running. Disposed, it stops what it started and nothing else. */
export async function startBacking({ natsConfig, ...options }: BackingOptions): Promise<Backing> {
  const { dataDir, env, progress } = options
  await using stack = new AsyncDisposableStack()
  const leftovers = await stopLeftovers(dataDir.path)
  if (leftovers.length > 0) progress(`stopped what an earlier start had left: ${leftovers.join(', ')}`)
  stack.use(startReaper(dataDir.path))
  const stores = await startAll(stack, {
    postgres: () => named(env.DATABASE_URL) ?? startPostgres(options),
    nats: () => named(env.NATS_URL) ?? startNats({ ...options, configText: natsConfig }),
    redis: () => named(env.REDIS_URL) ?? startRedis(options),
    clickhouse: () => named(env.CLICKHOUSE_URL) ?? startClickhouse(options),
  })
  const running = stack.move()
  return {
    databaseUrl: stores.postgres.url,
    natsUrl: stores.nats.url,
    redisUrl: stores.redis.url,
    clickhouseUrl: stores.clickhouse.url,
    sources: mapStores(stores, ({ source }) => source),
    pids: () => mapStores(stores, ({ pid }) => pid) as Partial<Record<StoreName, number>>,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

type Starters = Record<StoreName, () => Store | Promise<Store>>

// All at once, as none needs another. The first failure is reported after the others have settled and can be stopped.
async function startAll(stack: AsyncDisposableStack, starters: Starters): Promise<Record<StoreName, Store>> {
  const names = Object.keys(starters) as StoreName[]
  const results = await Promise.allSettled(names.map(async (name) => starters[name]()))
  for (const result of results) if (result.status === 'fulfilled') stack.use(result.value)
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
  if (failures.length === 1) throw failures[0]!
  if (failures.length > 1)
    throw new SetupError(failures.map(({ message }) => message).join('\n'), { cause: failures })
  return Object.fromEntries(
    names.map((name, at) => [name, (results[at] as PromiseFulfilledResult<Store>).value]),
  ) as Record<StoreName, Store>
}

function named(url: string | undefined): Store | undefined {
  if (!url) return undefined
  return { url, source: 'environment', pid: undefined, [Symbol.asyncDispose]: async () => {} }
}

function mapStores<T>(stores: Record<StoreName, Store>, of: (store: Store) => T): Record<StoreName, T> {
  return {
    postgres: of(stores.postgres),
    nats: of(stores.nats),
    redis: of(stores.redis),
    clickhouse: of(stores.clickhouse),
  }
}

async function printBacking(): Promise<void> {
  const progress = (line: string) => console.error(line)
  using dataDir = openDataDir(process.env.MCPSHIELD_DATA_DIR ?? '.mcpshield')
  const stopped = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.resolve())
  await using backing = await startBacking({
    dataDir,
    env: process.env,
    progress,
    natsConfig: openNatsConfig,
  })
  const { databaseUrl, natsUrl, redisUrl, clickhouseUrl } = backing
  console.log(JSON.stringify({ databaseUrl, natsUrl, redisUrl, clickhouseUrl }))
  const alive = setInterval(() => {}, 1 << 30)
  await stopped.promise
  clearInterval(alive)
}

if (import.meta.main && process.argv.includes('--print')) {
  await printBacking().catch((error: unknown) => {
    console.error(error instanceof SetupError ? error.message : error)
    process.exitCode = 1
  })
}
