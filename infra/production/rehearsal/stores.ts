// NATS and Redis with the configurations that their containers are given, at this machine's ports and folders.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { supervise, type Launch, type Supervised } from '../../dev/process.ts'
import { ask } from '../../dev/server-probe.ts'
import { findServer } from '../../dev/server-program.ts'
import type { StoreOptions } from '../../dev/store.ts'
import { ROOT } from '../compose-file.ts'
import type { Ports } from './place.ts'

export function startNats(
  { dataDir, env, programsDir, progress }: StoreOptions,
  secrets: string,
  ports: Ports,
) {
  const folder = join(dataDir.path, 'nats')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'nats.conf')
  const config = readFileSync(join(secrets, 'nats-config'), 'utf8')
    .replaceAll('"/data', `"${folder}`)
    .replace('0.0.0.0:4222', `127.0.0.1:${ports.nats}`)
    .replace('127.0.0.1:8222', `127.0.0.1:${ports.monitor}`)
    .replace('0.0.0.0:9222', `127.0.0.1:${ports.socket}`)
  writeFileSync(file, config, { mode: 0o600 })
  return startServer('nats-server', { dataDir, env, progress, programsDir }, ['-c', file], async () => {
    await ask(ports.nats, '', (text) => text.includes('mcpshield'))
  })
}

export function startRedis(
  { dataDir, env, programsDir, progress }: StoreOptions,
  secrets: string,
  ports: Ports,
) {
  const folder = join(dataDir.path, 'redis')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'redis.conf')
  const config = readFileSync(join(ROOT, 'infra/stores/redis.conf'), 'utf8')
    .replace('bind 0.0.0.0', 'bind 127.0.0.1')
    .replace('port 6379', `port ${ports.redis}`)
    .replace('/run/secrets/users.acl', join(secrets, 'redis-users'))
    .replace('dir /data', `dir ${folder}`)
  writeFileSync(file, config, { mode: 0o600 })
  return startServer('redis-server', { dataDir, env, progress, programsDir }, [file], async () => {
    // Who says nothing of themselves may ask this, as the container's health check does.
    const answer = await ask(ports.redis, 'PING\r\n', (text) => /\+PONG|-/.test(text))
    if (!answer.includes('+PONG')) throw new Error(answer)
  })
}

type ServerOptions = Omit<StoreOptions, 'programsDir'> & { programsDir: string | undefined }

async function startServer(
  name: 'nats-server' | 'redis-server',
  { dataDir, env, progress, programsDir = join(dataDir.path, 'bin') }: ServerOptions,
  args: string[],
  ready: () => Promise<void>,
): Promise<Supervised> {
  const program = await findServer(name, { programsDir, env, progress })
  const launch = (): Launch => program.launch({ args, port: 0, folder: dataDir.path })
  return supervise({ name, dataDir: dataDir.path, launch, ready, progress })
}
