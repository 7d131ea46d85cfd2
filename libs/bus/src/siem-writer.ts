// Our own connection into a credential's account: makes the stream and the consumer there, fills the stream, and removes
// it in the end. One connection, which is not renewed: its JWT is good for a day, and whoever needs it connects anew.
import { connect as connectNats, jwtAuthenticator, nanos, headers as natsHeaders } from 'nats'
import type { NatsConnection } from 'nats'
import { jetstream, JetStreamApiError } from '@nats-io/jetstream'
import { streams } from '@mcpshield/contracts/streams'
import type { DurableMessage } from './durables.ts'
import { newUserKey, SIEM_BACKLOG_BYTES, SIEM_STREAM, siemDurable, writerInbox } from './siem-accounts.ts'

export type SiemBacklog = {
  /** Messages that the reader has not acknowledged. */
  unread: number
  lastReadAt: Date | undefined
}

export type SiemWriter = AsyncDisposable & {
  /** Whether the stream is there: once it was made, its absence means that what was in it is lost. */
  isThere(): Promise<boolean>
  /** Makes stream and consumer where they are missing. */
  prepare(): Promise<void>
  /** Resolves when all are stored, in their order; a repeated one is stored once. Rejects with SiemFull. */
  write(messages: readonly Pick<DurableMessage, 'subject' | 'id' | 'bytes'>[]): Promise<void>
  backlog(): Promise<SiemBacklog>
  /** Removes all that the account holds. */
  clear(): Promise<void>
  isClosed(): boolean
}

/** There is no room for what the reader has not acknowledged. */
export class SiemFull extends Error {
  override readonly name = 'SiemFull'
}

const TIMEOUT_MS = 5_000
const NO_SUCH_STREAM = 10059
const NO_SUCH_CONSUMER = 10014
/** Of JetStream: the stream's bytes, the account's, and the server's are used up. */
const NO_ROOM = [10077, 10002, 10023, 10047]

export async function connectSiemWriter(options: {
  url: string
  credentialId: string
  /** Signs a JWT for the public key of a user. */
  sign(userKey: string): Promise<string>
}): Promise<SiemWriter> {
  const user = newUserKey()
  const jwt = await options.sign(user.getPublicKey())
  const connection = await connectNats({
    servers: options.url,
    name: `siem writer ${options.credentialId}`,
    authenticator: jwtAuthenticator(jwt, user.getSeed()),
    inboxPrefix: writerInbox(options.credentialId),
    reconnect: false,
    timeout: TIMEOUT_MS,
    ignoreClusterUpdates: true,
  })
  const api = apiOf(connection)
  const durable = siemDurable(options.credentialId)
  return {
    isThere: async () => (await streamInfo(api)) !== undefined,
    prepare: () => prepare(api, durable),
    write: (messages) => write(connection, messages),
    backlog: () => backlog(api, durable),
    async clear() {
      await api(`STREAM.DELETE.${SIEM_STREAM}`, undefined, [NO_SUCH_STREAM])
    },
    isClosed: () => connection.isClosed(),
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

type Api = <T>(path: string, body?: object, absent?: number[]) => Promise<T | undefined>

/** Asks JetStream; undefined for an error that means that the thing is not there. */
function apiOf(connection: NatsConnection): Api {
  return async <T>(path: string, body?: object, absent: number[] = []) => {
    const payload = body === undefined ? '' : JSON.stringify(body)
    const reply = await connection.request(`$JS.API.${path}`, payload, { timeout: TIMEOUT_MS })
    const answer = reply.json<T & { error?: { err_code?: number; description: string } }>()
    if (answer.error === undefined) return answer
    if (absent.includes(answer.error.err_code ?? 0)) return undefined
    if (NO_ROOM.includes(answer.error.err_code ?? 0)) throw new SiemFull(answer.error.description)
    throw new Error(`${path}: ${answer.error.description}`)
  }
}

const streamInfo = (api: Api) => api<object>(`STREAM.INFO.${SIEM_STREAM}`, undefined, [NO_SUCH_STREAM])

async function prepare(api: Api, durable: string): Promise<void> {
  if ((await streamInfo(api)) === undefined) await api(`STREAM.CREATE.${SIEM_STREAM}`, STREAM_CONFIG)
  if ((await api(`CONSUMER.INFO.${SIEM_STREAM}.${durable}`, undefined, [NO_SUCH_CONSUMER])) !== undefined)
    return
  const config = {
    name: durable,
    durable_name: durable,
    deliver_policy: 'all',
    ack_policy: 'explicit',
    ack_wait: nanos(30_000),
    max_ack_pending: 1_000,
    max_waiting: 64,
    max_deliver: -1,
    replay_policy: 'instant',
  }
  await api(`CONSUMER.CREATE.${SIEM_STREAM}.${durable}`, { stream_name: SIEM_STREAM, config })
}

/** What is acknowledged is gone. When it is full it refuses: what does not fit waits in our own stream. */
const STREAM_CONFIG = {
  name: SIEM_STREAM,
  subjects: ['audit.>'],
  retention: 'workqueue',
  storage: 'file',
  max_age: nanos(streams.AUDIT.maxAgeMs),
  max_bytes: SIEM_BACKLOG_BYTES,
  max_msgs: -1,
  max_consumers: 1,
  duplicate_window: nanos(streams.AUDIT.duplicateWindowMs),
  discard: 'new',
  num_replicas: 1,
}

async function write(
  connection: NatsConnection,
  messages: readonly Pick<DurableMessage, 'subject' | 'id' | 'bytes'>[],
): Promise<void> {
  const js = jetstream(connection, { timeout: TIMEOUT_MS })
  const stored = messages.map(({ subject, id, bytes }) =>
    js.publish(subject, bytes, { headers: natsHeaders(), ...(id === undefined ? {} : { msgID: id }) }),
  )
  const failed = (await Promise.allSettled(stored)).find((each) => each.status === 'rejected')
  if (failed === undefined) return
  const { reason } = failed as { reason: unknown }
  if (reason instanceof JetStreamApiError && NO_ROOM.includes(reason.code)) throw new SiemFull(reason.message)
  throw reason
}

async function backlog(api: Api, durable: string): Promise<SiemBacklog> {
  const stream = await api<{ state: { messages: number } }>(`STREAM.INFO.${SIEM_STREAM}`)
  const consumer = await api<{ ack_floor?: { last_active?: string } }>(
    `CONSUMER.INFO.${SIEM_STREAM}.${durable}`,
  )
  const at = consumer?.ack_floor?.last_active
  return { unread: stream?.state.messages ?? 0, lastReadAt: at === undefined ? undefined : new Date(at) }
}
