// Decisions on their way to the server: a file of JSON lines, kept until the server has acknowledged all of them.
import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { writeAll } from './decision-log.ts'
import type { Outcome } from './records.ts'
import { withOutcome, type ReportedEvent } from './reported-event.ts'

export type EventFile = Disposable & {
  /** Throws when it is not written whole; then nothing of it is. */
  append(line: Line): void
  /**
   * The events that come next, and where they end; undefined when there is nothing. One that `waits` for its outcome,
   * and all behind it, come later.
   */
  next(waits: (event: ReportedEvent) => boolean): Next | undefined
  /** Forgets what stands before that place. */
  acknowledge(end: number): void
  isEmpty(): boolean
}

export type Line = { event: ReportedEvent } | { event_id: string; outcome: Outcome }
export type Next = { events: ReportedEvent[]; end: number }

/** Well below what the server takes in one request. */
const WINDOW_BYTES = 512 * 1024
const MAX_EVENTS = 500
const NEWLINE = 0x0a

export function eventFile(path: string): EventFile {
  const descriptor = openSync(path, 'a+', 0o600)
  let size = fstatSync(descriptor).size
  let acknowledged = 0
  return {
    append(line) {
      const text = `${JSON.stringify(line)}\n`
      try {
        writeAll(descriptor, text)
        size += Buffer.byteLength(text)
      } catch (error) {
        // Half a line would take the next one with it.
        ftruncateSync(descriptor, size)
        throw error
      }
    },
    next(waits) {
      const { lines, lengths } = window(descriptor, acknowledged)
      const outcomes = outcomesIn(lines)
      const events: ReportedEvent[] = []
      let end = acknowledged
      for (const [at, line] of lines.entries()) {
        if (line !== undefined && 'event' in line) {
          const { event } = line
          const outcome = outcomes.get(event.event_id)
          if (events.length === MAX_EVENTS || (outcome === undefined && waits(event))) break
          events.push(withOutcome(event, outcome))
        }
        end += lengths[at] ?? 0
      }
      return end === acknowledged ? undefined : { events, end }
    },
    acknowledge(end) {
      acknowledged = end
      if (acknowledged < size) return
      ftruncateSync(descriptor, 0)
      size = acknowledged = 0
    },
    isEmpty: () => size === 0,
    [Symbol.dispose]: () => closeSync(descriptor),
  }
}

function outcomesIn(lines: (Line | undefined)[]): Map<string, Outcome> {
  const told = lines.filter((line) => line !== undefined && 'outcome' in line)
  return new Map(told.map(({ event_id, outcome }) => [event_id, outcome]))
}

/** The whole lines from a place on; undefined for one that a crash has left unreadable. */
function window(descriptor: number, from: number): { lines: (Line | undefined)[]; lengths: number[] } {
  const buffer = Buffer.alloc(WINDOW_BYTES)
  const bytes = buffer.subarray(0, readSync(descriptor, buffer, 0, WINDOW_BYTES, from))
  const lines: (Line | undefined)[] = []
  const lengths: number[] = []
  for (let start = 0, end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    lines.push(parsed(bytes.toString('utf8', start, end)))
    lengths.push(end + 1 - start)
    start = end + 1
  }
  // What a crash left of a last line is none, and nothing comes after it.
  return lines.length === 0 && bytes.length > 0
    ? { lines: [undefined], lengths: [bytes.length] }
    : { lines, lengths }
}

function parsed(text: string): Line | undefined {
  try {
    const line = JSON.parse(text) as Partial<Record<'event' | 'outcome', unknown>> | null
    return line?.event !== undefined || line?.outcome !== undefined ? (line as Line) : undefined
  } catch {
    return undefined
  }
}
