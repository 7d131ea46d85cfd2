// Durable streams: publish with an id, consume with acknowledgement, back-off and a dead letter.
import { jetstream, type JsMsg } from '@nats-io/jetstream'
import { headers as natsHeaders, type NatsConnection } from 'nats'
import type { EvtDef, JobDef } from '@mcpshield/contracts/define'
import type { Consumption } from '@mcpshield/contracts/flow'
import type { z } from 'zod'
import type { Log } from './log.ts'
import { notAcknowledged } from './not-acknowledged.ts'
import { UNOBSERVED, type BusTelemetry } from './telemetry.ts'

/** Before the subject where it failed, the subject of a dead letter. */
export const DEAD_PREFIX = 'dead.'
/** Header of a dead letter: why it failed. */
export const REASON = 'Reason'
/** Header of a message that was a dead letter: its place among them. */
export const REPLAY_OF = 'Replay-Of'

/** Publishes one event or job and waits until JetStream has stored it. A repeated id is stored once. */
export async function publishMessage<E extends EvtDef | JobDef>(
  connection: NatsConnection,
  def: E,
  payload: z.input<E['payload']>,
  id: string,
  telemetry: BusTelemetry = UNOBSERVED,
): Promise<void> {
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': def.subject }
  await telemetry.traced({ name: `publish ${def.subject}`, kind: 'producer', attributes }, async () => {
    try {
      const parent = telemetry.traceparent()
      await jetstream(connection, { timeout: 5_000 }).publish(def.subject, JSON.stringify(payload), {
        msgID: id,
        ...(parent === undefined ? {} : { headers: traceHeaders(parent) }),
      })
      telemetry.published(def.subject, 'ok')
    } catch (cause) {
      telemetry.published(def.subject, 'failed')
      throw notAcknowledged('The message stream did not acknowledge the message.', cause)
    }
  })
}

/** Of a message that work under way has sent: whoever takes it goes on with its trace. */
const TRACEPARENT = 'traceparent'

function traceHeaders(parent: string) {
  const headers = natsHeaders()
  headers.set(TRACEPARENT, parent)
  return headers
}

export type StreamMessage = {
  subject: string
  /** Position in the stream; grows by one per stored message. */
  sequence: number
  /** When the stream stored it, in milliseconds since 1970: the same however often it is delivered. */
  timeMs: number
  /** How often it was delivered, 1 at first. */
  delivery: number
  /** Whether it was a dead letter that an operator has sent again. */
  replayed: boolean
  /** Number of messages behind this one. */
  pending: number
  bytes: Uint8Array
  json(): unknown
  ack(): void
  /** Says that it is still being worked on: the wait for the acknowledgement begins anew. */
  working(): void
  /** Asks for the message again after a pause. */
  retry(afterMs: number): void
  /** Puts the message among the dead letters with its reason, and takes it off the consumer. */
  bury(reason: string): Promise<void>
}

/** Called for each message; the handler acknowledges it, at once or later. */
export type StreamHandler = (message: StreamMessage) => void | Promise<void>

/**
 * A server cuts off who has 64 MB (its max_pending) on the way. A message of many audit events has 512 kB,
 * and what is cut off comes again only when the wait for its acknowledgement is over.
 */
const MAX_MESSAGES_ON_THE_WAY = 64

/** Consumes a durable consumer until disposed. A handler that throws gets the message again, later. */
export async function consumeStream(
  connection: NatsConnection,
  consumption: Consumption,
  handler: StreamHandler,
  log: Log,
  telemetry: BusTelemetry = UNOBSERVED,
): Promise<AsyncDisposable> {
  const consumer = jetstream(connection).consumers.getConsumerFromInfo(
    await consumerInfo(connection, consumption),
  )
  const messages = await consumer.consume({
    max_messages: Math.min(consumption.maxAckPending, MAX_MESSAGES_ON_THE_WAY),
  })
  const done = (async () => {
    for await (const message of messages) {
      const wrapped = wrap(connection, message, (result) => telemetry.consumed(consumption.durable, result))
      const { pending, timeMs } = wrapped
      telemetry.delivered(consumption.durable, { pending, ageMs: Date.now() - timeMs })
      try {
        await taken(telemetry, consumption, message, async () => handler(wrapped))
      } catch (error) {
        log.error({ err: error, subject: message.subject }, 'consumer')
        wrapped.retry(Math.min(30_000, 250 * 2 ** wrapped.delivery))
      }
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      await messages.close()
      await done
    },
  }
}

/** Only a message that belongs to a trace has a span: others come in thousands, many to one piece of work. */
function taken(
  telemetry: BusTelemetry,
  { durable }: Consumption,
  { headers, subject }: JsMsg,
  handle: () => Promise<void>,
): Promise<void> {
  const parent = telemetry.isTracing() ? headers?.get(TRACEPARENT) : undefined
  if (parent === undefined || parent === '') return handle()
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject }
  return telemetry.traced({ name: `consume ${durable}`, kind: 'consumer', attributes, parent }, handle)
}

async function consumerInfo(connection: NatsConnection, { stream, durable }: Consumption) {
  const reply = await connection.request(`$JS.API.CONSUMER.INFO.${stream}.${durable}`, '', { timeout: 5_000 })
  const info = reply.json<{ error?: { description: string } }>()
  if (info.error !== undefined)
    throw new Error(`consumer ${durable}: ${info.error.description}; run the migrations`)
  return info as Parameters<ReturnType<typeof jetstream>['consumers']['getConsumerFromInfo']>[0]
}

function wrap(
  connection: NatsConnection,
  message: JsMsg,
  settled: (result: 'acked' | 'retried' | 'buried') => void,
): StreamMessage {
  return {
    subject: message.subject,
    sequence: message.seq,
    timeMs: Math.floor(message.info.timestampNanos / 1e6),
    delivery: message.info.deliveryCount,
    replayed: message.headers?.has(REPLAY_OF) ?? false,
    pending: message.info.pending,
    bytes: message.data,
    json: () => message.json(),
    ack() {
      message.ack()
      settled('acked')
    },
    working: () => message.working(),
    retry(afterMs) {
      message.nak(afterMs)
      settled('retried')
    },
    async bury(reason) {
      const headers = natsHeaders()
      headers.set(REASON, reason.replace(/[\r\n]+/g, ' ').slice(0, 1_000))
      await jetstream(connection, { timeout: 5_000 }).publish(DEAD_PREFIX + message.subject, message.data, {
        headers,
        msgID: `${message.info.stream}.${message.seq}`,
      })
      // Plain term(): with a reason, servers before 2.10 leave the message pending.
      message.term()
      settled('buried')
    },
  }
}
