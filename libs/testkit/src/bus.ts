// A NATS server in operator mode for one test file: the accounts, permissions, streams and buckets that
// the product has.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectNats, credsAuthenticator, type NatsConnection } from 'nats'
import { makeAccounts, natsConfig, newSeeds, type AccountSeeds } from '@mcpshield/bus/accounts'
import { connectBus, type Bus } from '@mcpshield/bus/connect'
import type { Log } from '@mcpshield/bus/log'
import { inboxPrefix } from '@mcpshield/bus/permissions'
import { provision } from '@mcpshield/bus/provision'
import { flow, type ServiceName } from '@mcpshield/contracts/flow'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { startNats } from '@mcpshield/infra/dev/nats.ts'

export type TestBus = AsyncDisposable & {
  url: string
  /** Content of a service's .creds file. */
  creds(service: string): string
  connect<N extends ServiceName>(service: N): Promise<Bus<(typeof flow)[N]>>
  /** A connection with the credentials of a service, or of `provision` or `system`, below the bus's types. */
  raw(service: string): Promise<NatsConnection>
  /** Process id of the server. */
  pid(): number | undefined
  /** The server's keys. */
  seeds: AccountSeeds
}

export const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** Problems on the console, nothing else. */
export const loud: Log = {
  info: () => undefined,
  warn: (fields, message) => console.warn(message, fields),
  error: (fields, message) => console.error(message, fields),
}

export async function startTestBus(log: Log = loud): Promise<TestBus> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-bus-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = stack.use(openDataDir(folder))
  const seeds = newSeeds()
  const accounts = await makeAccounts(seeds)
  const server = stack.use(
    await startNats({
      dataDir,
      programsDir: join(import.meta.dirname, '../../../node_modules/.cache/mcpshield'),
      env: process.env,
      progress: () => undefined,
      configText: (port, storeDir) => natsConfig(accounts, { host: '127.0.0.1', port, storeDir }),
    }),
  )
  const creds = (service: string) => accounts.creds[service] ?? ''
  const raw = (service: string) =>
    connectNats({
      servers: server.url,
      name: service,
      authenticator: credsAuthenticator(new TextEncoder().encode(creds(service))),
      inboxPrefix: inboxPrefix(service),
    })
  const provisioner = await raw('provision')
  await provision(provisioner)
  await provisioner.close()
  const kept = stack.move()
  return {
    url: server.url,
    seeds,
    creds,
    raw,
    pid: () => server.pid,
    connect: (service) =>
      connectBus({ url: server.url, creds: creds(service), name: service, log }, flow[service]),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
