// Publishes audit events so that many share one acknowledged message: worth more than any other change
// to the cost of recording. An event counts as recorded only when JetStream has said so.
import { hash } from 'node:crypto'
import { createInbox, headers as natsHeaders, type Msg, type NatsConnection } from 'nats'
import { auditSubject, type AuditEvent } from '@mcpshield/contracts/audit'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from './log.ts'
import { notAcknowledged } from './not-acknowledged.ts'
import { inboxPrefix } from './permissions.ts'
import { UNOBSERVED, type BusTelemetry } from './telemetry.ts'

export type AuditPublisher = {
  /**
   * Resolves when the event is stored for good; rejects (UNAVAILABLE) after `deadlineMs`, 5,000 by default, and at once
   * when it is too large to be sent.
   * An event that nobody waits for may linger for `lingerMs`, to travel with others.
   */
  record(event: AuditEvent, options?: { deadlineMs?: number; lingerMs?: number }): Promise<void>
}

type Waiting = {
  event: AuditEvent
  json: string
  deadline: number
  resolve: () => void
  reject: (error: Error) => void
}
type Sent = { subject: string; group: Waiting[]; resend: NodeJS.Timeout }

const DEFAULT_DEADLINE_MS = 5_000
const RESEND_AFTER_MS = 1_000
/** Messages of one subject on their way at once; further events wait and travel together. */
const MAX_IN_FLIGHT = 4
const MAX_GROUP_EVENTS = 500
const MAX_GROUP_BYTES = 512 * 1024
const NOT_STORED = 'The audit log did not acknowledge the record.'

export function auditPublisher(
  connection: NatsConnection,
  service: string,
  log: Log,
  telemetry: BusTelemetry = UNOBSERVED,
): AuditPublisher {
  const inbox = createInbox(inboxPrefix(service))
  const waiting = new Map<string, Waiting[]>()
  const inFlight = new Map<string, number>()
  const sent = new Map<string, Sent>()
  let counter = 0
  let scheduled = false
  let lingering: NodeJS.Timeout | undefined

  connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => (error === null ? settle(message) : undefined),
  })

  function settle(message: Msg): void {
    const token = message.subject
    const entry = sent.get(token)
    if (entry === undefined) return
    const failure = refusal(message)
    if (failure !== null) {
      log.warn({ subject: entry.subject, failure }, 'audit not stored, trying again')
      return // The resend timer tries again until the deadline.
    }
    finish(token, entry)
    for (const each of entry.group) each.resolve()
  }

  function finish(token: string, entry: Sent): void {
    sent.delete(token)
    clearInterval(entry.resend)
    const left = (inFlight.get(entry.subject) ?? 1) - 1
    if (left === 0) inFlight.delete(entry.subject)
    else inFlight.set(entry.subject, left)
    if (waiting.has(entry.subject)) schedule()
  }

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      for (const subject of [...waiting.keys()]) flush(subject)
    })
  }

  function linger(lingerMs: number): void {
    lingering ??= setTimeout(() => {
      lingering = undefined
      schedule()
    }, lingerMs)
  }

  function flush(subject: string): void {
    const queue = waiting.get(subject)
    while (queue !== undefined && queue.length > 0 && (inFlight.get(subject) ?? 0) < MAX_IN_FLIGHT) {
      send(subject, takeGroup(queue))
    }
    if (queue?.length === 0) waiting.delete(subject)
  }

  function send(subject: string, group: Waiting[]): void {
    const token = `${inbox}.${counter++}`
    const payload = `[${group.map((each) => each.json).join(',')}]`
    const headers = natsHeaders()
    headers.set('Nats-Msg-Id', groupId(group))
    const publish = () => connection.publish(subject, payload, { reply: token, headers })
    try {
      publish()
    } catch (cause) {
      // Larger than a message may be, or the connection is gone: nobody has it.
      for (const each of group) each.reject(notAcknowledged(NOT_STORED, cause))
      return
    }
    const entry: Sent = {
      subject,
      group,
      resend: setInterval(() => again(token, entry, publish), RESEND_AFTER_MS),
    }
    sent.set(token, entry)
    inFlight.set(subject, (inFlight.get(subject) ?? 0) + 1)
  }

  function again(token: string, entry: Sent, publish: () => void): void {
    const now = performance.now()
    if (entry.group.every((each) => each.deadline <= now) || connection.isClosed()) {
      finish(token, entry)
      for (const each of entry.group) each.reject(new AppError('UNAVAILABLE', NOT_STORED))
      return
    }
    publish() // The same Nats-Msg-Id: stored once, however often it is sent.
  }

  const record: AuditPublisher['record'] = (event, { deadlineMs = DEFAULT_DEADLINE_MS, lingerMs = 0 } = {}) =>
    new Promise<void>((resolve, reject) => {
      const subject = auditSubject(event)
      const startedMs = performance.now()
      const entry = {
        event,
        json: JSON.stringify(event),
        deadline: startedMs + deadlineMs,
        resolve() {
          telemetry.recorded('ok', performance.now() - startedMs)
          resolve()
        },
        reject(error: Error) {
          telemetry.recorded('failed', performance.now() - startedMs)
          reject(error)
        },
      }
      const queue = waiting.get(subject)
      if (queue === undefined) waiting.set(subject, [entry])
      else queue.push(entry)
      if (lingerMs === 0) schedule()
      else linger(lingerMs)
    })
  return {
    record(event, options) {
      if (!telemetry.isTracing()) return record(event, options)
      const attributes = { 'messaging.system': 'nats', 'mcpshield.audit.phase': event.phase }
      return telemetry.traced({ name: 'audit record', kind: 'producer', attributes }, () =>
        record(event, options),
      )
    },
  }
}

function takeGroup(queue: Waiting[]): Waiting[] {
  let bytes = 0
  let count = 0
  while (count < queue.length && count < MAX_GROUP_EVENTS) {
    bytes += queue[count]?.json.length ?? 0
    if (count > 0 && bytes > MAX_GROUP_BYTES) break
    count++
  }
  return queue.splice(0, count)
}

/** The hash of the (id, phase) list: the same group sent again is the same message. */
function groupId(group: Waiting[]): string {
  return hash('sha256', group.map(({ event }) => `${event.id}:${event.phase};`).join(''))
}

/** Why JetStream did not store the message, or null when it did. */
function refusal(message: Msg): string | null {
  if (message.data.length === 0) return message.headers?.status ?? 'no answer'
  const ack = message.json<{ error?: { description: string }; seq?: number }>()
  return ack.error === undefined && typeof ack.seq === 'number'
    ? null
    : (ack.error?.description ?? 'not acknowledged')
}
