// Durable consumers that a service makes and removes while it runs, for customers (`keepsConsumers` of flow.ts). Each is
// filtered to one organisation; the server holds the filter to what the service may name.
import { jetstream, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream'
import { nanos, type NatsConnection } from 'nats'
import { AppError } from '@mcpshield/contracts/errors'

export type DurableSpec = {
  durable: string
  filter: string
  /** The first message is one stored then, or later. */
  from: Date
  maxAckPending: number
  ackWaitMs: number
}

export type DurableState = {
  /** Messages that wait, or are on their way. */
  pending: number
}

export type DurableMessage = {
  subject: string
  /** What it was published with: a repeated one is the same message. */
  id: string | undefined
  bytes: Uint8Array
  ack(): void
  /** Says that it is still being worked on: the wait for the acknowledgement begins anew. */
  working(): void
  /** Gives it back, to be delivered again at once. */
  giveBack(): void
}

export type Reading = AsyncDisposable & {
  /** Ends when the consumer is removed, or by disposal, after those that have come already. */
  messages: AsyncIterable<DurableMessage>
}

export type Durables = {
  /** Makes the consumer where it is missing; one that is there keeps its place. */
  ensure(spec: DurableSpec): Promise<void>
  /** No harm where it is gone already. */
  remove(durable: string): Promise<void>
  /** Undefined where there is none. */
  state(durable: string): Promise<DurableState | undefined>
  /** Reads with up to `maxMessages` on their way. */
  read(durable: string, maxMessages: number): Promise<Reading>
}

const TIMEOUT_MS = 5_000
const CONSUMER_NOT_FOUND = 10014

export function durablesOf(connection: NatsConnection, stream: string): Durables {
  return {
    async ensure(spec) {
      if ((await infoOf(connection, stream, spec.durable)) === undefined) await make(connection, stream, spec)
    },
    async remove(durable) {
      await askForOne(connection, `CONSUMER.DELETE.${stream}.${durable}`)
    },
    async state(durable) {
      const info = await infoOf(connection, stream, durable)
      return info && { pending: info.num_pending + info.num_ack_pending }
    },
    async read(durable, maxMessages) {
      const info = await infoOf(connection, stream, durable)
      if (info === undefined) throw new AppError('NOT_FOUND', `There is no consumer ${durable}.`)
      const consumer = jetstream(connection).consumers.getConsumerFromInfo(info as never)
      const messages = await consumer.consume({ max_messages: maxMessages, abort_on_missing_resource: true })
      let closing: Promise<unknown> | undefined
      return {
        messages: shown(messages),
        async [Symbol.asyncDispose]() {
          await (closing ??= messages.close())
        },
      }
    },
  }
}

async function* shown(messages: ConsumerMessages): AsyncGenerator<DurableMessage> {
  for await (const message of messages) yield asDurableMessage(message)
}

function asDurableMessage(message: JsMsg): DurableMessage {
  return {
    subject: message.subject,
    id: message.headers?.get('Nats-Msg-Id') || undefined,
    bytes: message.data,
    ack: () => message.ack(),
    working: () => message.working(),
    giveBack: () => message.nak(),
  }
}

/** The subject says the filter, so that what a service may filter to is for the server to say. */
async function make(connection: NatsConnection, stream: string, spec: DurableSpec): Promise<void> {
  const { durable, filter, from, maxAckPending, ackWaitMs } = spec
  const config = {
    name: durable,
    durable_name: durable,
    filter_subject: filter,
    deliver_policy: 'by_start_time',
    opt_start_time: from.toISOString(),
    ack_policy: 'explicit',
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: maxAckPending,
    max_deliver: -1,
    replay_policy: 'instant',
  }
  const path = `CONSUMER.CREATE.${stream}.${durable}.${filter}`
  const answer = await request<object>(connection, path, { stream_name: stream, config, action: 'create' })
  if (answer.error !== undefined) throw refused(answer.error)
}

type Info = { num_pending: number; num_ack_pending: number }

const infoOf = (connection: NatsConnection, stream: string, durable: string) =>
  askForOne<Info>(connection, `CONSUMER.INFO.${stream}.${durable}`)

type ApiError = { error?: { code: number; err_code?: number; description: string } }

async function askForOne<T>(connection: NatsConnection, path: string): Promise<T | undefined> {
  const answer = await request<T>(connection, path)
  if (answer.error?.err_code === CONSUMER_NOT_FOUND) return undefined
  if (answer.error !== undefined) throw refused(answer.error)
  return answer
}

async function request<T>(connection: NatsConnection, path: string, body?: object): Promise<T & ApiError> {
  try {
    const payload = body === undefined ? '' : JSON.stringify(body)
    const reply = await connection.request(`$JS.API.${path}`, payload, { timeout: TIMEOUT_MS })
    return reply.json<T & ApiError>()
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'The record’s stream does not answer.', { cause })
  }
}

function refused(error: NonNullable<ApiError['error']>): AppError {
  return new AppError('UNAVAILABLE', 'The record’s stream refused.', { cause: error })
}
