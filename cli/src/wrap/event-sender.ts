// Reports events to the server. What it refuses for good is told apart from what may be sent again.
import { detailOf, member, type RestApi } from '../rest-client.ts'
import type { ReportedEvent } from './reported-event.ts'

export type Sent = {
  /** The server has them now, or had them already. */
  delivered: boolean
  /** Those that it will never take. */
  unusable: ReportedEvent[]
}

export type EventSender = {
  /** Never rejects: what went wrong is told, once for each kind. */
  send(events: ReportedEvent[], withinMs?: number): Promise<Sent>
}

const WITHIN_MS = 10_000
/** The fault is in an event: without it the others are taken. */
const OF_AN_EVENT = new Set([400, 413, 422])

export function eventSender(api: Pick<RestApi, 'request'>, tell: (message: string) => void): EventSender {
  const told = new Set<string>()
  const once = (kind: string, message: string) => {
    if (!told.has(kind)) tell(message)
    told.add(kind)
  }

  async function send(events: ReportedEvent[], withinMs = WITHIN_MS): Promise<Sent> {
    const { status, body } = await api
      .request('POST', '/events/ingest', { events }, withinMs)
      .catch((error: Error) => ({ status: 0, body: { detail: error.message } }))
    if (status === 202) {
      told.delete('0')
      const warning = member(body, 'warning')
      if (typeof warning === 'string') once('warning', `the server says: ${detailOf({ detail: warning })}`)
      return { delivered: true, unusable: [] }
    }
    once(String(status), complaint(status, body))
    if (!OF_AN_EVENT.has(status)) return { delivered: false, unusable: [] }
    if (events.length === 1) return { delivered: true, unusable: events }
    const half = Math.ceil(events.length / 2)
    const first = await send(events.slice(0, half), withinMs)
    if (!first.delivered) return first
    const second = await send(events.slice(half), withinMs)
    return { delivered: second.delivered, unusable: [...first.unusable, ...second.unusable] }
  }
  return { send }
}

function complaint(status: number, body: unknown): string {
  const kept = 'the decisions are kept here until it takes them'
  return status === 0
    ? `decisions cannot be sent: ${detailOf(body)}; ${kept}`
    : `the server does not take decisions (${status}): ${detailOf(body)}; ${kept}`
}
