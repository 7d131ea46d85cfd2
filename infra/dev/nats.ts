// A NATS server of our own. What it is told (accounts, JetStream, limits) is the caller's configuration text.
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onPort } from './on-port.ts'
import { supervise } from './process.ts'
import { ask } from './server-probe.ts'
import { findServer } from './server-program.ts'
import { asStore, type Store, type StoreOptions } from './store.ts'

const USUAL_PORT = 14222

/** The configuration of nats-server for a port to listen on and a folder to keep JetStream's files in. */
export type NatsConfigText = (port: number, storeDir: string) => string

export async function startNats({
  dataDir,
  programsDir = join(dataDir.path, 'bin'),
  env,
  progress,
  configText,
}: StoreOptions & { configText: NatsConfigText }): Promise<Store> {
  const folder = join(dataDir.path, 'nats')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const program = await findServer('nats-server', { programsDir, env, progress })
  const { process, port } = await onPort(dataDir.path, 'nats', USUAL_PORT, (port) => {
    const configFile = join(folder, 'nats.conf')
    writeFileSync(configFile, configText(port, folder), { mode: 0o600 })
    const serverName = `mcpshield-${randomUUID()}`
    return supervise({
      name: 'nats',
      dataDir: dataDir.path,
      launch: () => program.launch({ args: ['-c', configFile, '-n', serverName], port, folder }),
      ready: () => answers(port, serverName),
      progress,
    })
  })
  return asStore(process, `nats://127.0.0.1:${port}`, program.source)
}

/** One open account with JetStream, on the loopback address: for tests, never for `npm start`. */
export const openNatsConfig: NatsConfigText = (port, storeDir) => `listen: "127.0.0.1:${port}"
jetstream { store_dir: "${storeDir}", max_memory_store: 256MB, max_file_store: 4GB }
`

// The greeting carries the server's name: another program's NATS on that port is not taken for ours.
async function answers(port: number, serverName: string): Promise<void> {
  const answer = await ask(port, '', (text) => text.includes('\r\n'))
  if (!answer.includes(serverName)) throw new Error(`another server answers on port ${port}`)
}
