// The stream DEAD as a list that can be read, taken out of and sent again. Read by sequence, with calls that servers
// since 2.9 know; sequences have gaps where letters were taken out.
import { jetstream } from '@nats-io/jetstream'
import { headers as natsHeaders, type NatsConnection } from 'nats'
import { AppError } from '@mcpshield/contracts/errors'
import { DEAD_PREFIX, REASON, REPLAY_OF } from './stream.ts'

export type DeadMessage = {
  sequence: number
  /** Where it failed. */
  subject: string
  reason: string
  time: string
  bytes: Uint8Array
}

export type DeadPage = { messages: DeadMessage[]; more: { older: boolean; newer: boolean } }

export type DeadLetters = {
  /** Newest first: up to `limit` letters older or newer than a place; the newest of all when there is none. */
  list(place: { older?: number; newer?: number }, limit: number): Promise<DeadPage>
  /**
   * Sends a letter to where it failed and, once the stream there has it, takes it out. Two replays of one letter
   * at once arrive as one message: its id is the letter's. Throws NOT_FOUND.
   */
  replay(sequence: number): Promise<void>
  /** Takes out every letter of a subject that `which` says yes to; returns how many. */
  remove(subject: string, which: (message: DeadMessage) => boolean): Promise<number>
}

const STREAM = 'DEAD'
const TIMEOUT_MS = 5_000
const AT_ONCE = 50
const NO_MESSAGE_FOUND = 10037

export function deadLetters(connection: NatsConnection): DeadLetters {
  return {
    list: (place, limit) => listPage(connection, place, limit),
    replay: (sequence) => replay(connection, sequence),
    async remove(subject, which) {
      let removed = 0
      const sequences = await presentSequences(connection)
      for (let at = 0; at < sequences.length; at += AT_ONCE) {
        for (const message of await readAll(connection, sequences.slice(at, at + AT_ONCE))) {
          if (message.subject === subject && which(message) && (await takeOut(connection, message.sequence)))
            removed++
        }
      }
      return removed
    },
  }
}

async function listPage(
  connection: NatsConnection,
  { older, newer }: { older?: number; newer?: number },
  limit: number,
): Promise<DeadPage> {
  const present = await presentSequences(connection)
  const end = older === undefined ? present.length : present.filter((sequence) => sequence < older).length
  const start =
    newer === undefined ? Math.max(0, end - limit) : present.filter((sequence) => sequence <= newer).length
  const chosen = newer === undefined ? present.slice(start, end) : present.slice(start, start + limit)
  const messages: DeadMessage[] = []
  for (let at = 0; at < chosen.length; at += AT_ONCE)
    messages.push(...(await readAll(connection, chosen.slice(at, at + AT_ONCE))))
  return {
    messages: messages.reverse(),
    more: { older: start > 0, newer: start + chosen.length < present.length },
  }
}

type StreamInfo = {
  state: { first_seq: number; last_seq: number; messages: number; deleted?: number[] | null }
}

/** Every sequence that has a letter, ascending. */
async function presentSequences(connection: NatsConnection): Promise<number[]> {
  const { state } = await ask<StreamInfo>(connection, `STREAM.INFO.${STREAM}`, { deleted_details: true })
  if (state.messages === 0) return []
  const gone = new Set(state.deleted ?? [])
  const length = state.last_seq - state.first_seq + 1
  return Array.from({ length }, (_, at) => state.first_seq + at).filter((sequence) => !gone.has(sequence))
}

async function readAll(connection: NatsConnection, sequences: number[]): Promise<DeadMessage[]> {
  const read = await Promise.all(sequences.map((sequence) => readOne(connection, sequence)))
  return read.filter((message) => message !== undefined)
}

type Stored = { message: { subject: string; seq: number; time: string; data?: string; hdrs?: string } }

/** Undefined when it is not there, or no more. */
async function readOne(connection: NatsConnection, sequence: number): Promise<DeadMessage | undefined> {
  const stored = await askForOne<Stored>(connection, `STREAM.MSG.GET.${STREAM}`, { seq: sequence })
  if (stored === undefined) return undefined
  const { subject, seq, time, data, hdrs } = stored.message
  return {
    sequence: seq,
    subject: subject.slice(DEAD_PREFIX.length),
    reason: headerOf(Buffer.from(hdrs ?? '', 'base64').toString(), REASON),
    time: new Date(time).toISOString(),
    bytes: Buffer.from(data ?? '', 'base64'),
  }
}

async function replay(connection: NatsConnection, sequence: number): Promise<void> {
  const message = await readOne(connection, sequence)
  if (message === undefined) throw new AppError('NOT_FOUND', 'There is no such dead letter.')
  const headers = natsHeaders()
  headers.set(REPLAY_OF, String(sequence))
  try {
    await jetstream(connection, { timeout: TIMEOUT_MS }).publish(message.subject, message.bytes, {
      headers,
      // The time, too: a store of dead letters that begins anew numbers them anew.
      msgID: `replay.${sequence}.${message.time}`,
    })
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'The message could not be sent again; it stays where it is.', { cause })
  }
  await takeOut(connection, sequence)
}

/** False when it was gone already. */
async function takeOut(connection: NatsConnection, sequence: number): Promise<boolean> {
  const path = `STREAM.MSG.DELETE.${STREAM}`
  return (await askForOne(connection, path, { seq: sequence, no_erase: false })) !== undefined
}

type ApiError = { error?: { code: number; err_code?: number; description: string } }

async function askForOne<T>(connection: NatsConnection, path: string, body: object): Promise<T | undefined> {
  const reply = await request<T>(connection, path, body)
  const code = reply.error?.err_code
  // Deleting what is not there has a code of its own in each version; its text has not changed.
  if (code === NO_MESSAGE_FOUND || /not found|no message/i.test(reply.error?.description ?? ''))
    return undefined
  return checked(reply)
}

async function ask<T>(connection: NatsConnection, path: string, body: object): Promise<T> {
  return checked(await request<T>(connection, path, body))
}

async function request<T>(connection: NatsConnection, path: string, body: object): Promise<T & ApiError> {
  try {
    const reply = await connection.request(`$JS.API.${path}`, JSON.stringify(body), { timeout: TIMEOUT_MS })
    return reply.json<T & ApiError>()
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'The store of dead letters does not answer.', { cause })
  }
}

function checked<T>(reply: T & ApiError): T {
  if (reply.error === undefined) return reply
  throw new AppError('UNAVAILABLE', 'The store of dead letters refused.', { cause: reply.error })
}

/** One header of a block as the server stores it: `NATS/1.0`, then a line for each. */
function headerOf(block: string, name: string): string {
  const line = block.split('\r\n').find((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}:`))
  return line?.slice(name.length + 1).trim() ?? ''
}
