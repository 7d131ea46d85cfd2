// The stores of an installation of `npm start`: those that run, or started for as long as they are needed.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { natsConfig } from '@mcpshield/bus/accounts'
import { startBacking } from '../dev/backing.ts'
import { busAccounts } from '../dev/bus-accounts.ts'
import { openDataDir, type DataDir } from '../dev/data-dir.ts'
import { SetupError } from '../dev/setup-error.ts'
import type { StoresConfig } from './config.ts'

export type LocalStores = AsyncDisposable & { config: StoresConfig }

type Options = { folder: string; env: NodeJS.ProcessEnv; progress: (line: string) => void }

/** Those that run are used as they are. */
export async function localStores(options: Options): Promise<LocalStores> {
  const { folder } = options
  if (!existsSync(join(folder, 'secrets')))
    throw new SetupError(`${folder} is not the data folder of an installation.`)
  try {
    return await startedStores(options)
  } catch (error) {
    if (!(error instanceof SetupError && /^Another MCPShield/.test(error.message))) throw error
    options.progress('the installation runs: its stores are used')
    return { config: runningStores(folder), [Symbol.asyncDispose]: async () => {} }
  }
}

/** Only where the installation does not run. */
export async function startedStores({
  folder,
  env,
  progress,
}: Options): Promise<LocalStores & { dataDir: DataDir }> {
  await using stack = new AsyncDisposableStack()
  const dataDir = stack.use(openDataDir(folder))
  const { accounts, credsFile } = await busAccounts(dataDir.path)
  const backing = stack.use(
    await startBacking({
      dataDir,
      env,
      progress,
      natsConfig: (port, storeDir) => natsConfig(accounts, { host: '127.0.0.1', port, storeDir }),
    }),
  )
  const kept = stack.move()
  return {
    dataDir,
    config: {
      DATABASE_ADMIN_URL: backing.databaseUrl,
      NATS_URL: backing.natsUrl,
      NATS_CREDS: readFileSync(credsFile('backup'), 'utf8'),
      CLICKHOUSE_URL: backing.clickhouseUrl,
      REDIS_ADMIN_URL: backing.redisUrl,
      SECRETS_DIR: join(dataDir.path, 'secrets'),
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

function runningStores(folder: string): StoresConfig {
  const ports = JSON.parse(readFileSync(join(folder, 'ports.json'), 'utf8')) as Record<string, number>
  const secret = (name: string) => readFileSync(join(folder, 'secrets', name), 'utf8').trim()
  const at = (store: string) => `127.0.0.1:${ports[store]}`
  return {
    DATABASE_ADMIN_URL: `postgresql://postgres:${secret('postgres')}@${at('postgres')}/postgres`,
    NATS_URL: `nats://${at('nats')}`,
    NATS_CREDS: secret('nats/backup.creds'),
    CLICKHOUSE_URL: `http://default:${secret('clickhouse')}@${at('clickhouse')}`,
    REDIS_ADMIN_URL: `redis://:${secret('redis')}@${at('redis')}/0`,
    SECRETS_DIR: join(folder, 'secrets'),
  }
}
