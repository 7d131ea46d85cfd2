// A Redis server of our own: on the loopback address only, with a generated password, keeping what it holds.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onPort } from './on-port.ts'
import { supervise } from './process.ts'
import { ask } from './server-probe.ts'
import { findServer } from './server-program.ts'
import { asStore, type Store, type StoreOptions } from './store.ts'

const USUAL_PORT = 16379

export async function startRedis({
  dataDir,
  programsDir = join(dataDir.path, 'bin'),
  env,
  progress,
}: StoreOptions): Promise<Store> {
  const folder = join(dataDir.path, 'redis')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const password = dataDir.secret('redis')
  const program = await findServer('redis-server', { programsDir, env, progress })
  const { process, port } = await onPort(dataDir.path, 'redis', USUAL_PORT, (port) => {
    const configFile = join(folder, 'redis.conf')
    writeFileSync(configFile, config(folder, port, password), { mode: 0o600 })
    return supervise({
      name: 'redis',
      dataDir: dataDir.path,
      launch: () => program.launch({ args: [configFile], port, folder }),
      ready: () => answers(port, password),
      progress,
    })
  })
  return asStore(process, `redis://:${password}@127.0.0.1:${port}/0`, program.source)
}

const config = (folder: string, port: number, password: string) => `bind 127.0.0.1
port ${port}
requirepass ${password}
dir "${folder}"
appendonly yes
appendfsync everysec
aof-load-truncated yes
save ""
maxmemory-policy noeviction
databases 64
daemonize no
`

async function answers(port: number, password: string): Promise<void> {
  const answer = await ask(port, `AUTH ${password}\r\nPING\r\n`, (text) => /\+PONG|-/.test(text))
  if (!answer.includes('+OK\r\n+PONG')) throw new Error(`Redis answers ${answer.trim()}`)
}
