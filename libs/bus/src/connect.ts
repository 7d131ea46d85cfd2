// One connection of one service to NATS, limited by types and by the server to its row of flow.ts.
import { connect as connectNats, credsAuthenticator, type NatsConnection } from 'nats'
import type { ConsumptionOf, EmittedBy, EnqueuedBy, RpcCalledBy } from './limits.ts'
import type { Consumption, FlowRow } from '@mcpshield/contracts/flow'
import type { Handlers, Input, KvDef, Output, RpcDef } from '@mcpshield/contracts/define'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { gatewayPeers } from '@mcpshield/contracts/mcp-gateway'
import type { z } from 'zod'
import { auditPublisher, type AuditPublisher } from './audit.ts'
import { kvWriter, watchBucket, type BucketWatcher, type KvWriter, type Watching } from './kv.ts'
import { deadLetters, type DeadLetters } from './dead-letters.ts'
import { durablesOf, type Durables } from './durables.ts'
import type { Log } from './log.ts'
import { peersOf, type Peers } from './peers.ts'
import { inboxPrefix } from './permissions.ts'
import { serveRpc, type Call, type Served } from './rpc.ts'
import { rpcClient, type CallOptions } from './rpc-client.ts'
import { consumeStream, publishMessage, type StreamHandler } from './stream.ts'
import { UNOBSERVED, type BusTelemetry } from './telemetry.ts'

export type BusOptions = {
  url: string
  /** Content of the service's .creds file. */
  creds: string
  name: string
  log: Log
  /** Where what the bus does is counted and traced. */
  telemetry?: BusTelemetry
  /** How long to wait for the first connection, in milliseconds. */
  connectTimeoutMs?: number
}

export type Bus<R extends FlowRow = FlowRow> = AsyncDisposable & {
  /** Asks the owner and waits for its answer; an AppError when it refuses or does not answer in time. */
  call<D extends RpcCalledBy<R>>(def: D, input: Input<D>, options?: CallOptions): Promise<Output<D>>
  /** Answers a contract's endpoints, with every other instance of the service. */
  serve<D extends Record<string, RpcDef>>(name: string, rpc: D, handlers: Handlers<D, Call>): Promise<void>
  publish<E extends EmittedBy<R>>(def: E, payload: z.input<E['payload']>, id: string): Promise<void>
  /** Asks for work, to be done once. A repeated id is one piece of work. */
  enqueue<J extends EnqueuedBy<R>>(def: J, payload: z.input<J['payload']>, id: string): Promise<void>
  consume(consumption: ConsumptionOf<R>, handler: StreamHandler): Promise<AsyncDisposable>
  watch<D extends R['watches'][number]>(
    def: D,
    watcher: BucketWatcher<z.output<D['value']>>,
  ): Promise<Watching>
  writer<D extends R['writes'][number]>(def: D): Promise<KvWriter<z.input<D['value']>>>
  audit: AuditPublisher
  /** For a service whose instances speak with each other (flow.ts): the voice of one, by its id. */
  peers: R['peers'] extends true ? (instance: string) => Peers : undefined
  /** For who may send dead letters again (flow.ts). */
  deadLetters: R['replaysDead'] extends true ? DeadLetters : undefined
  /** For who makes durable consumers while it runs (flow.ts): those of a stream. */
  durables(stream: R['keepsConsumers'][number]['stream']): Durables
  /** Milliseconds a round trip to the server takes; throws when it does not answer. */
  ping(): Promise<number>
  connection: NatsConnection
}

/** Connects a service to the bus. Waits for the server up to `connectTimeoutMs` (default 30,000). */
export async function connectBus<const R extends FlowRow>(options: BusOptions, row: R): Promise<Bus<R>> {
  const connection = await connectNats({
    servers: options.url,
    name: options.name,
    authenticator: credsAuthenticator(new TextEncoder().encode(`${options.creds.trim()}\n`)),
    inboxPrefix: inboxPrefix(options.name),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    waitOnFirstConnect: true,
    timeout: options.connectTimeoutMs ?? 30_000,
    ignoreClusterUpdates: true,
  })
  const { log, telemetry = UNOBSERVED } = options
  const connected = followStatus(connection, log, telemetry)
  telemetry.connection(connected)
  const served: Served[] = []
  return {
    connection,
    call: rpcClient(connection, options.name, telemetry),
    async serve(name, rpc, handlers) {
      served.push(await serveRpc(connection, name, rpc, handlers, log, telemetry))
    },
    publish: (def, payload, id) => publishMessage(connection, def, payload, id, telemetry),
    enqueue: (def, payload, id) => publishMessage(connection, def, payload, id, telemetry),
    consume: (consumption: Consumption, handler) =>
      consumeStream(connection, consumption, handler, log, telemetry),
    watch: (def: KvDef, watcher) => watchBucket(connection, def, watcher, log),
    writer: (def: KvDef) => kvWriter(connection, def),
    audit: row.audits ? auditPublisher(connection, options.name, log, telemetry) : noAudit(options.name),
    peers: (row.peers ? peersOf(connection, options.name, gatewayPeers, log) : undefined) as Bus<R>['peers'],
    durables: (stream: string) => durablesOf(connection, stream),
    deadLetters: (row.replaysDead ? deadLetters(connection) : undefined) as Bus<R>['deadLetters'],
    async ping() {
      return connection.rtt()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(served.map((each) => each.close()))
      await connection.drain()
    },
  }
}

function noAudit(name: string): AuditPublisher {
  return {
    record: (_event: AuditEvent) =>
      Promise.reject(new Error(`${name} has no right to publish audit events (flow.ts)`)),
  }
}

/** Says whether it is connected. */
function followStatus(connection: NatsConnection, log: Log, telemetry: BusTelemetry): () => boolean {
  let isConnected = true
  const follow = async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'reconnect') {
        isConnected = status.type === 'reconnect'
        if (isConnected) telemetry.reconnected()
        log.warn({ status: status.type }, 'bus connection')
      }
      if (status.type === 'error') log.error({ error: status.error.message }, 'bus error')
    }
  }
  void follow()
  return () => isConnected && !connection.isClosed()
}
