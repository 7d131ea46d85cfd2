// One feed while it runs here: messages of its durable consumer, batch by batch and in order, to its place. A batch is
// acknowledged when it was taken, and tried again until it is: nothing is passed over.
import { setTimeout as sleep } from 'node:timers/promises'
import type { DurableMessage, DurableSpec, Durables } from '@mcpshield/bus/durables'
import type { Log } from '@mcpshield/runtime/log'
import { batches, type BatchLimits } from './batches.ts'
import { FeedError } from './feed-error.ts'
import { parcelOf, type Parcel } from './parcels.ts'
import type { OpenTarget, Target } from './target.ts'

export type FeedSpec = {
  id: string
  orgId: string
  durable: string
  /** Events from then on. */
  from: Date
  limits: BatchLimits
  open: OpenTarget
}

export type FeedDeps = {
  durables: Durables
  /** Whether the feed is still set up: a consumer that was made for one that is gone is removed again. */
  isThere(): Promise<boolean>
  told: { succeeded(): void; failed(message: string): void }
  log: Log
  /** Between attempts: the first pause, and the longest. */
  pausesMs: { first: number; longest: number }
}

export type RunningFeed = AsyncDisposable & {
  /** Resolves when it has ended, by itself or by disposal. */
  ended: Promise<void>
}

const MAX_ACK_PENDING = 256
/** What was on its way when a server or an instance died comes again after that; others may overtake it. */
const ACK_WAIT_MS = 10_000
/** Well within the wait for the acknowledgement. */
const WORKING_EVERY_MS = 3_000

export function runFeed(spec: FeedSpec, deps: FeedDeps): RunningFeed {
  const stop = new AbortController()
  const ended = run(spec, deps, stop.signal).catch((error: unknown) => {
    deps.log.error({ err: error, feed: spec.id }, 'a feed ended')
    deps.told.failed('Something went wrong on our side; it is tried again.')
  })
  return {
    ended,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
    },
  }
}

/** A feed's consumer of the record. */
export function consumerOf({
  durable,
  orgId,
  from,
}: Pick<FeedSpec, 'durable' | 'orgId' | 'from'>): DurableSpec {
  return {
    durable,
    filter: `audit.${orgId}.>`,
    from,
    maxAckPending: MAX_ACK_PENDING,
    ackWaitMs: ACK_WAIT_MS,
  }
}

async function run(spec: FeedSpec, deps: FeedDeps, signal: AbortSignal): Promise<void> {
  const { durable } = spec
  await deps.durables.ensure(consumerOf(spec))
  if (!(await deps.isThere())) return deps.durables.remove(durable)
  const place = placeOf(spec.open)
  try {
    // Ahead of the first event: what is wrong with the place is known as soon as it is set up.
    await place.open(signal).catch((error: unknown) => deps.told.failed(wordsOf(error)))
    const reading = await deps.durables.read(durable, spec.limits.maxMessages)
    // Ahead of what is given back then: it is to come to whoever reads on, in its order, and not here once more.
    signal.addEventListener('abort', () => void reading[Symbol.asyncDispose](), { once: true })
    for await (const held of batches(reading, spec.limits, signal)) {
      if (!(await carry({ spec, deps, place, signal }, held))) return
    }
  } finally {
    await place.close()
  }
}

type Carrying = { spec: FeedSpec; deps: FeedDeps; place: Place; signal: AbortSignal }

/** False when it was stopped before the batch was taken: then it is given back. */
async function carry({ spec, deps, place, signal }: Carrying, held: DurableMessage[]): Promise<boolean> {
  const parcels = held.flatMap((message) => parcelOf(message, spec.orgId) ?? [])
  if (parcels.length < held.length)
    deps.log.warn({ feed: spec.id, count: held.length - parcels.length }, 'messages that are no events')
  const working = setInterval(() => held.forEach((message) => message.working()), WORKING_EVERY_MS)
  try {
    const wasTaken = parcels.length === 0 || (await untilTaken({ spec, deps, place, signal }, parcels))
    held.forEach((message) => (wasTaken ? message.ack() : message.giveBack()))
    return wasTaken
  } finally {
    clearInterval(working)
  }
}

async function untilTaken({ spec, deps, place, signal }: Carrying, parcels: Parcel[]): Promise<boolean> {
  const { first, longest } = deps.pausesMs
  for (let pauseMs = first; !signal.aborted; pauseMs = Math.min(pauseMs * 2, longest)) {
    try {
      await place.deliver(parcels, signal)
      deps.told.succeeded()
      return true
    } catch (error) {
      await place.close()
      if (signal.aborted) return false
      deps.log.warn({ err: error, feed: spec.id }, 'events were not taken')
      deps.told.failed(wordsOf(error))
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
  }
  return false
}

/** What an administrator is told: not what went wrong inside of us. */
export function wordsOf(error: unknown): string {
  return error instanceof FeedError ? error.message : 'Something went wrong on our side; it is tried again.'
}

/** A target that is opened when it is needed, and anew when it is over. */
type Place = {
  open(signal: AbortSignal): Promise<Target>
  deliver(parcels: Parcel[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

function placeOf(openTarget: OpenTarget): Place {
  let target: Target | undefined
  const close = async () => {
    const closed = target
    target = undefined
    await closed?.[Symbol.asyncDispose]()
  }
  const open = async (signal: AbortSignal) => {
    if (target?.isOver() === true) await close()
    return (target ??= await openTarget(signal))
  }
  return {
    open,
    close,
    deliver: async (parcels, signal) => (await open(signal)).deliver(parcels, signal),
  }
}
