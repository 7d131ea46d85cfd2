// The cluster of infra/kubernetes as three servers of this machine: each stream is kept three times, and the loss of one of
// them costs nothing.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, credsAuthenticator, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { inboxPrefix } from '@mcpshield/bus/permissions'
import { provision } from '@mcpshield/bus/provision'
import { supervise, type Supervised } from '../dev/process.ts'
import { ask } from '../dev/server-probe.ts'
import { findServer } from '../dev/server-program.ts'
import { freePorts } from '../production/free-ports.ts'
import { openSecretFolder } from '../production/secret-folder.ts'
import { makeSecrets } from '../production/secrets.ts'
import { ROOT } from '../production/compose-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcpshield-cluster-'))
const members: Supervised[] = []
const SOON = { timeout: 30_000, interval: 100 }
let clients: number[]
let secrets: string
let connection: NatsConnection

beforeAll(async () => {
  secrets = join(folder, 'production/secrets')
  await makeSecrets(openSecretFolder(secrets))
  for (const name of ['logs', 'run']) mkdirSync(join(folder, name))
  const ports = Object.values(await freePorts(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l']))
  clients = ports.slice(0, 3)
  const routes = ports.slice(3, 6)
  const programsDir = join(ROOT, 'node_modules/.cache/mcpshield')
  const program = await findServer('nats-server', {
    programsDir,
    env: process.env,
    progress: () => undefined,
  })
  const started = [0, 1, 2].map((index) =>
    supervise({
      name: `nats-${index}`,
      dataDir: folder,
      launch: () => {
        const file = writeConfig(index, { routes, monitor: ports[6 + index]!, socket: ports[9 + index]! })
        const launched = program.launch({ args: ['-c', file], port: 0, folder })
        return { ...launched, env: { ...launched.env, POD_NAME: `nats-${index}` } }
      },
      ready: async () => void (await ask(clients[index]!, '', (text) => text.includes(`nats-${index}`))),
      progress: () => undefined,
    }),
  )
  members.push(...(await Promise.all(started)))
  connection = await vi.waitFor(() => connectAs('provision'), SOON)
})
afterAll(async () => {
  await connection.close()
  await Promise.all(members.map((each) => each[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true, force: true })
})

/** The files of a pod, at this machine's ports. */
function writeConfig(index: number, at: { routes: number[]; monitor: number; socket: number }): string {
  const place = join(folder, `pod-${index}`)
  mkdirSync(join(place, 'secret'), { recursive: true })
  const shared = readFileSync(join(secrets, 'nats-config'), 'utf8')
    .replaceAll('"/data', `"${join(place, 'data')}`)
    .replace('0.0.0.0:4222', `127.0.0.1:${clients[index]}`)
    .replace('0.0.0.0:9222', `127.0.0.1:${at.socket}`)
  writeFileSync(join(place, 'secret/nats.conf'), shared)
  const member = readFileSync(join(import.meta.dirname, 'nats-cluster.conf'), 'utf8')
    .replace('0.0.0.0:8222', `127.0.0.1:${at.monitor}`)
    .replace('0.0.0.0:6222', `127.0.0.1:${at.routes[index]}`)
    .replace(
      /nats-(\d)\.nats-members:6222/g,
      (_whole, each: string) => `127.0.0.1:${at.routes[Number(each)]}`,
    )
  writeFileSync(join(place, 'nats.conf'), member)
  return join(place, 'nats.conf')
}

function connectAs(user: string): Promise<NatsConnection> {
  return connect({
    servers: clients.map((port) => `nats://127.0.0.1:${port}`),
    authenticator: credsAuthenticator(readFileSync(join(secrets, `nats/${user}.creds`))),
    inboxPrefix: inboxPrefix(user),
    ignoreClusterUpdates: true,
    maxReconnectAttempts: -1,
  })
}

test('every stream and bucket is kept on three servers', async () => {
  await vi.waitFor(() => provision(connection, { replicas: 3 }), SOON)
  // Again it changes nothing.
  await provision(connection, { replicas: 3 })
  const manager = await jetstreamManager(connection)
  const streams = await manager.streams.list().next()
  expect(streams.length).toBeGreaterThan(7)
  for (const { config, cluster } of streams) {
    expect([config.name, config.num_replicas]).toEqual([config.name, 3])
    expect(cluster?.replicas?.length).toBe(2)
  }
})

test('what was acknowledged is there when a server is lost, and more is taken meanwhile', async () => {
  const audit = 'audit.00000000-0000-7000-8000-000000000001._.admin'
  const gateway = await connectAs('mcp-gateway')
  try {
    await jetstream(gateway).publish(audit, '[]', { msgID: 'before' })
    const manager = await jetstreamManager(connection)
    const { cluster } = await manager.streams.info('AUDIT')
    const leader = members[Number(/nats-(\d)/.exec(cluster?.leader ?? '')?.[1])]!
    await leader[Symbol.asyncDispose]()
    await vi.waitFor(() => jetstream(gateway).publish(audit, '[]', { msgID: 'after' }), SOON)
    await vi.waitFor(async () => {
      const { state } = await (await jetstreamManager(connection)).streams.info('AUDIT')
      expect(state.messages).toBe(2)
    }, SOON)
  } finally {
    await gateway.close()
  }
})
