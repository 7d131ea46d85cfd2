// ClickHouse from npm: chdb, the engine as a library, in a process of its own that speaks ClickHouse's HTTP protocol.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { onPort } from './on-port.ts'
import { supervise } from './process.ts'
import { SetupError } from './setup-error.ts'
import { asStore, type Store, type StoreOptions } from './store.ts'

const USUAL_PORT = 18123

export async function startClickhouse({ dataDir, env, progress }: StoreOptions): Promise<Store> {
  requireChdb()
  const folder = join(dataDir.path, 'clickhouse')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const password = dataDir.secret('clickhouse')
  const settings = { MCPSHIELD_CHDB_PASSWORD: password, PATH: env.PATH, TZ: 'UTC', UV_THREADPOOL_SIZE: '16' }
  const { process: child, port } = await onPort(dataDir.path, 'clickhouse', USUAL_PORT, (port) =>
    supervise({
      name: 'clickhouse',
      dataDir: dataDir.path,
      launch: () => ({
        command: process.execPath,
        args: [join(import.meta.dirname, 'chdb-server.ts'), folder, String(port)],
        env: settings,
        ipc: true,
      }),
      ready: async (child) => void (await once(child, 'message')), // sent when it listens
      progress,
    }),
  )
  return asStore(child, `http://default:${password}@127.0.0.1:${port}`, 'npm chdb')
}

function requireChdb(): void {
  try {
    createRequire(import.meta.url).resolve('chdb')
  } catch {
    throw new SetupError(
      'ClickHouse is missing: npm has not installed chdb. ' +
        'Run: npm install — or name a server: CLICKHOUSE_URL=http://user:password@host:8123/db npm start',
    )
  }
}
