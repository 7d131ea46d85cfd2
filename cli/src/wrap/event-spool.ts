// Decisions for the server: kept in a file of this process until the server has them, so that an outage loses none. Files
// of processes that are gone are taken over.
import { randomUUID } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { eventFile, type EventFile } from './event-file.ts'
import type { EventSender } from './event-sender.ts'
import type { Records } from './records.ts'
import { reportedEvent, type ReportedEvent } from './reported-event.ts'

export type EventSpool = Records & AsyncDisposable

type SpoolDeps = {
  /** Of one project at one server; undefined where nothing can be kept. */
  folder: string | undefined
  /** The wrapped server's name in the policy. */
  name: string
  sender: EventSender
  tell(message: string): void
}

type Spooled = { path: string; file: EventFile; isOwn: boolean }

const EVERY_MS = 1_000
const MAX_PAUSE_MS = 60_000
/** How long an event waits for what comes of its call. */
const OUTCOME_WITHIN_MS = 10_000
/** Clients grant us two seconds to end. */
const LAST_WORDS_MS = 1_500
/** A file of another machine with the same home folder: nobody has written to it for as long. */
const ABANDONED_MS = 24 * 3_600_000

export function eventSpool({ folder, name, sender, tell }: SpoolDeps): EventSpool {
  const files = folder === undefined ? [] : opened(folder, tell)
  const own = files.find(({ isOwn }) => isOwn)?.file
  /** Calls that run, by the ids of their events: since when. */
  const running = new Map<string, number>()
  let pauseMs = EVERY_MS
  let sending: Promise<boolean> | undefined
  let isOver = false
  let isClosed = false

  const waits = ({ event_id }: ReportedEvent) => {
    const sinceMs = running.get(event_id)
    return !isOver && sinceMs !== undefined && performance.now() - sinceMs < OUTCOME_WITHIN_MS
  }
  const sendFile = async ({ path, file }: Spooled): Promise<boolean> => {
    for (let next = file.next(waits); next !== undefined; next = file.next(waits)) {
      if (next.events.length > 0) {
        const sent = await sender.send(next.events, isOver ? LAST_WORDS_MS : undefined)
        if (isClosed || !sent.delivered) return false
        if (sent.unusable.length > 0) setAside(path, sent.unusable)
      }
      for (const { event_id } of next.events) running.delete(event_id)
      file.acknowledge(next.end)
    }
    return true
  }
  /** Whether nothing is left that could be sent now. */
  const sendAll = async (): Promise<boolean> => {
    for (const spooled of files) if (!(await sendFile(spooled))) return false
    return true
  }
  const flush = () =>
    (sending ??= sendAll()
      .catch((error: Error) => (tell(`decisions cannot be sent: ${error.message}`), false))
      .finally(() => (sending = undefined)))
  const again = (): NodeJS.Timeout =>
    setTimeout(() => {
      void flush().then((all) => {
        pauseMs = all ? EVERY_MS : Math.min(pauseMs * 2, MAX_PAUSE_MS)
        if (!isOver) timer = again()
      })
    }, pauseMs).unref()
  let timer = again()

  return {
    async record(call) {
      const event = reportedEvent(call, name)
      try {
        if (own === undefined) throw new Error('there is no place to keep it')
        own.append({ event })
        if (event.decision === 'allow') running.set(event.event_id, performance.now())
      } catch (error) {
        const { delivered, unusable } = await sender.send([event])
        if (!delivered || unusable.length > 0)
          throw new Error(`it could be neither kept (${(error as Error).message}) nor sent`, { cause: error })
      }
    },
    finish(id, outcome) {
      try {
        own?.append({ event_id: id, outcome })
      } catch {
        // The decision itself is kept.
      }
      running.delete(id)
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      clearTimeout(timer)
      const last = (sending ?? Promise.resolve()).then(flush)
      await Promise.race([last, delay(LAST_WORDS_MS, undefined, { ref: false })])
      isClosed = true
      for (const { file, path } of files) {
        const isEmpty = file.isEmpty()
        file[Symbol.dispose]()
        if (isEmpty) rmSync(path, { force: true })
      }
    },
  }
}

/** A file of our own, and those that others have left; none where the folder cannot be used. */
function opened(folder: string, tell: SpoolDeps['tell']): Spooled[] {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const left = readdirSync(folder).filter((file) => isLeft(folder, file))
    const path = join(folder, ownName())
    return [...left.flatMap((file) => takenOver(folder, file)), { path, file: eventFile(path), isOwn: true }]
  } catch (error) {
    tell(`decisions cannot be kept in ${folder}: ${(error as Error).message}`)
    return []
  }
}

/** Named after the process that writes it. */
const ownName = () => `${machine()}.${process.pid}.${randomUUID()}.jsonl`
const machine = () => hostname().replace(/[^A-Za-z0-9-]/g, '-') || 'here'

function isLeft(folder: string, file: string): boolean {
  const [, host, pid] = /^([A-Za-z0-9-]+)\.(\d+)\.[0-9a-f-]+\.jsonl$/.exec(file) ?? []
  if (host === undefined) return false
  if (host === machine()) return !isAlive(Number(pid))
  const { mtimeMs } = statSync(join(folder, file), { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() }
  return Date.now() - mtimeMs > ABANDONED_MS
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Only one process can rename it. */
function takenOver(folder: string, file: string): Spooled[] {
  const path = join(folder, ownName())
  try {
    renameSync(join(folder, file), path)
    return [{ path, file: eventFile(path), isOwn: false }]
  } catch {
    return []
  }
}

/** What the server will never take is for a person to look at. */
function setAside(path: string, events: ReportedEvent[]): void {
  const lines = events.map((event) => `${JSON.stringify({ event })}\n`).join('')
  appendFileSync(`${path}.refused`, lines, { mode: 0o600 })
}
