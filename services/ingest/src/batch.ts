// Messages of the audit stream in, rows and the moment to write them out. Pure: the time is an argument.
import { AuditEvent } from '@mcpshield/contracts/audit'
import { z } from 'zod'
import { rowsOf, type Keeping, type Rows } from './rows.ts'

export type BatchLimits = {
  /** Written as soon as it has so many rows, … */
  rows: number
  /** … or so many messages, as the stream sends only so many ahead of their acknowledgement, … */
  messages: number
  /** … or so many bytes of messages, … */
  bytes: number
  /** … or is so old. */
  ageMs: number
}

export type Entry<M> = { message: M; rows: Rows; bytes: number }

export type Batch<M> = {
  add(entry: Entry<M>, nowMs: number): void
  /** Milliseconds until it has to be written; 0 is now, Infinity is never: it is empty. */
  dueInMs(nowMs: number): number
  /** Gives everything there is and begins anew. */
  take(): Entry<M>[]
}

export function emptyBatch<M>(limits: BatchLimits): Batch<M> {
  let entries: Entry<M>[] = []
  let rows = 0
  let bytes = 0
  let sinceMs = 0
  return {
    add(entry, nowMs) {
      if (entries.length === 0) sinceMs = nowMs
      entries.push(entry)
      rows += entry.rows.decisions.length + entry.rows.outcomes.length
      bytes += entry.bytes
    },
    dueInMs(nowMs) {
      if (entries.length === 0) return Infinity
      if (rows >= limits.rows || entries.length >= limits.messages || bytes >= limits.bytes) return 0
      return Math.max(0, sinceMs + limits.ageMs - nowMs)
    },
    take() {
      const taken = entries
      entries = []
      rows = bytes = 0
      return taken
    },
  }
}

/** The rows of many entries as one insert. */
export function joined(entries: Entry<unknown>[]): Rows {
  return {
    decisions: entries.flatMap((each) => each.rows.decisions),
    outcomes: entries.flatMap((each) => each.rows.outcomes),
    usage: entries.flatMap((each) => each.rows.usage),
  }
}

/** Whose a message is, as its subject says. */
export function organizationOf(subject: string): string {
  return subject.split('.')[1] ?? ''
}

/** One message → its rows, or why it is none of ours in a sentence without its content. */
export function readMessage(
  subject: string,
  bytes: Uint8Array,
  keeping: Keeping,
): { rows: Rows } | { problem: string } {
  try {
    const parsed = Message.safeParse(JSON.parse(decoder.decode(bytes)))
    if (!parsed.success) return { problem: describe(parsed.error) }
    const stranger = parsed.data.findIndex((event) => !isUnder(subject, event))
    if (stranger >= 0)
      return { problem: `${stranger}: is of another organisation or project than ${subject}` }
    return { rows: rowsOf(parsed.data, keeping) }
  } catch (error) {
    // Not JSON, not UTF-8, or nested too deep for the stack. V8 quotes the text in its message: left out.
    return { problem: `cannot be read: ${(error as Error).name}` }
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** What the table's time column can hold, with a day at each end for arithmetic. */
const EARLIEST_MS = Date.UTC(1970, 0, 2)
const LATEST_MS = Date.UTC(2299, 11, 30)

const Message = z
  .array(
    AuditEvent.refine(({ time }) => Date.parse(time) >= EARLIEST_MS && Date.parse(time) <= LATEST_MS, {
      path: ['time'],
      message: 'is outside 1970 to 2299',
    })
      .refine(({ kind, decision }) => kind === 'report' || decision !== null, {
        path: ['decision'],
        message: 'is missing',
      })
      .refine(({ kind, decision_id }) => kind === 'report' || decision_id === undefined, {
        path: ['decision_id'],
        message: 'is for reports only',
      }),
  )
  .min(1)

/** A subscriber of `audit.<org>.>` and a reader of the table must see the same. */
function isUnder(subject: string, { org_id, project_id }: AuditEvent): boolean {
  return subject.startsWith(`audit.${org_id}.${project_id ?? '_'}.`)
}

function describe(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`)
    .join('; ')
}
