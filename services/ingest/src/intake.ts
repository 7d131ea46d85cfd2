// From the stream into ClickHouse. A message is acknowledged after its rows are stored and never before, so
// whatever is killed in between is delivered and written again; readers and merges see it once.
import type { StreamMessage } from '@mcpshield/bus/stream'
import type { Log } from '@mcpshield/runtime/log'
import { emptyBatch, joined, organizationOf, readMessage, type BatchLimits, type Entry } from './batch.ts'
import type { Counter } from './counter.ts'
import type { IntakeMeasures } from './metrics.ts'
import type { Rows } from './rows.ts'

export type IntakeOptions = {
  /** Asked before rows are stored and told after, perhaps more than once for the same rows. */
  counter: Pick<Counter, 'admit' | 'settle' | 'takeBack'>
  /** Resolves when the rows are stored. */
  insert: (rows: Rows) => Promise<void>
  /** Whether an insert failed for what is in the rows, so that it would fail again. */
  isRefusal: (error: unknown) => boolean
  /** How long the stream waits before it delivers an unacknowledged message again. */
  ackWaitMs: number
  /** How long an organisation's plan keeps a record received then. */
  retainUntilMs: (orgId: string, receivedMs: number) => number
  measured?: IntakeMeasures
  log: Log
  limits?: BatchLimits & { heldBytes: number }
  /** First pause after a failed insert; it doubles up to 20 times itself. */
  retryAfterMs?: number
}

export type Intake = AsyncDisposable & {
  /** Takes one message; waits while too much is held. The acknowledgement comes later. */
  accept(message: StreamMessage): Promise<void>
  /** From now on nothing is taken and nobody waits. */
  close(): void
}

const LIMITS = { rows: 5_000, messages: 1_000, bytes: 8 << 20, ageMs: 200, heldBytes: 32 << 20 }

type Held = Entry<StreamMessage>

export function startIntake(options: IntakeOptions): Intake {
  const { insert, isRefusal, log, limits = LIMITS, retryAfterMs = 250 } = options
  const batch = emptyBatch<StreamMessage>(limits)
  /** By position in the stream: a message delivered again while it is held is the same message. */
  const held = new Map<number, Held>()
  let heldBytes = 0
  let closed = false
  let wake = Promise.withResolvers<void>()

  const keepAlive = setInterval(() => {
    for (const { message } of held.values()) message.working()
  }, options.ackWaitMs / 3)
  const done = run()

  return {
    async accept(message) {
      while (heldBytes >= limits.heldBytes && !closed) await wake.promise
      if (closed) return message.retry(0)
      if (held.has(message.sequence)) return
      // From when it was received: an event reported late is kept as long as any other.
      const receivedMs = message.timeMs
      const untilMs = options.retainUntilMs(organizationOf(message.subject), receivedMs)
      const read = readMessage(message.subject, message.bytes, { receivedMs, untilMs })
      if ('problem' in read) {
        log.error(
          { subject: message.subject, sequence: message.sequence, problem: read.problem },
          'dead letter',
        )
        return message.bury(read.problem)
      }
      hold({ message, rows: read.rows, bytes: message.bytes.length })
    },
    close() {
      closed = true
      notify()
    },
    async [Symbol.asyncDispose]() {
      this.close()
      await done
      clearInterval(keepAlive)
    },
  }

  function hold(entry: Held): void {
    const idle = batch.dueInMs(performance.now()) === Infinity
    held.set(entry.message.sequence, entry)
    heldBytes += entry.bytes
    batch.add(entry, performance.now())
    if (idle || batch.dueInMs(performance.now()) === 0) notify()
  }

  async function run(): Promise<void> {
    for (;;) {
      const waitMs = batch.dueInMs(performance.now())
      if (waitMs > 0 && !closed) await wokenWithin(waitMs)
      else if (waitMs === Infinity) return
      else await write(batch.take())
    }
  }

  async function write(entries: Held[]): Promise<void> {
    for (let pauseMs = retryAfterMs; ; pauseMs = Math.min(pauseMs * 2, retryAfterMs * 20)) {
      try {
        // Counted first and stored then: what is stored has been counted, whatever is killed in between.
        const rows = await options.counter.admit(joined(entries))
        await insert(rows)
        await options.counter
          .settle(rows)
          .catch((error: unknown) => log.warn({ err: error }, 'marks not settled'))
        measure(entries, rows)
        return release(entries, (message) => message.ack())
      } catch (error) {
        if (isRefusal(error)) return refused(entries, error as Error)
        options.measured?.failed('retried')
        log.warn({ err: error, messages: entries.length }, 'not stored, trying again')
        // Whoever runs next gets them at once.
        if (closed) return release(entries, (message) => message.retry(0))
        await wokenWithin(pauseMs, () => closed)
      }
    }
  }

  /** One bad row spoils an insert: each message alone then, so that only the bad one goes to the dead letters. */
  async function refused(entries: Held[], error: Error): Promise<void> {
    if (entries.length > 1) {
      for (const entry of entries) await write([entry])
      return
    }
    options.measured?.failed('refused')
    log.error({ err: error, sequence: entries[0]?.message.sequence }, 'dead letter')
    try {
      await options.counter.takeBack(joined(entries))
      await entries[0]?.message.bury(error.message)
      release(entries, () => {})
    } catch (failure) {
      log.warn({ err: failure }, 'dead letter not stored')
      release(entries, (message) => message.retry(retryAfterMs))
    }
  }

  function measure(entries: Held[], { decisions, outcomes }: Rows): void {
    const oldestMs = Math.min(...entries.map(({ message }) => message.timeMs))
    options.measured?.stored(decisions.length + outcomes.length, Date.now() - oldestMs)
  }

  function release(entries: Held[], settle: (message: StreamMessage) => void): void {
    for (const { message, bytes } of entries) {
      settle(message)
      held.delete(message.sequence)
      heldBytes -= bytes
    }
    notify()
  }

  function notify(): void {
    wake.resolve()
    wake = Promise.withResolvers()
  }

  /** Waits for the time, or for a notification (until `enough` agrees, when given). */
  async function wokenWithin(ms: number, enough: () => boolean = () => true): Promise<void> {
    const over = Promise.withResolvers<'over'>()
    const timer = ms === Infinity ? undefined : setTimeout(() => over.resolve('over'), ms)
    try {
      while ((await Promise.race([over.promise, wake.promise])) !== 'over' && !enough());
    } finally {
      clearTimeout(timer)
    }
  }
}
