// One use of the assistant from its beginning to its end: its events go to the log, where whoever asked reads them; it is stopped
// when nobody reads any more, and settled once, whatever happens to it.
import type { AiEvent } from '@mcpshield/contracts/ai'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from '@mcpshield/runtime/log'
import type { EventLog, Owner } from './event-log.ts'
import { ModelFailure } from './model.ts'
import type { Settled, Tokens, UseEnd, Uses } from './uses.ts'

export type Reporter = {
  emit(event: AiEvent): Promise<void>
  /** Prose that comes in small pieces travels in larger ones. */
  text(source: 'model' | 'template', piece: string): void
  /** What the model took, added up. */
  took(tokens: { input_tokens: number; output_tokens: number }): void
  /** Aborted when nobody reads, or the service stops. */
  signal: AbortSignal
}

/** `useful`: whether the person has got what they asked for; else the use is given back. */
export type WorkEnd = { useful: boolean; attempts: number }
export type Work = (reporter: Reporter) => Promise<WorkEnd>

export type Runner = AsyncDisposable & {
  /** Begins the work and returns; `owner` may read its events. */
  start(id: string, owner: Owner, work: Work): Promise<void>
  /** Ends a use whose instance is gone. */
  endLost(id: string): Promise<void>
  /** How many are at work. */
  running(): number
}

export type RunnerDeps = { uses: Uses; events: EventLog; log: Log; signEveryMs?: number }

const SIGN_EVERY_MS = 2_000
const FLUSH_AFTER_MS = 80
const FLUSH_UNITS = 400

export function useRunner(deps: RunnerDeps): Runner {
  const open = new Map<Promise<void>, AbortController>()
  return {
    running: () => open.size,
    async start(id, owner, work) {
      await deps.events.begin(id, owner)
      const stop = new AbortController()
      const done = run(deps, { id, owner, work, stop }).catch((error: unknown) =>
        deps.log.error({ err: error, use: id }, 'a use of the assistant could not be settled'),
      )
      open.set(done, stop)
      void done.then(() => open.delete(done))
    },
    async endLost(id) {
      const owner = await deps.events.owner(id)
      if (owner === undefined || !(await deps.events.takeEnd(id))) return
      await end(deps, { id, owner, attempts: 0, tokens: { input: 0, output: 0 } }, lost())
    },
    async [Symbol.asyncDispose]() {
      for (const stop of open.values()) stop.abort(stopping())
      await Promise.all(open.keys())
    },
  }
}

function stopping(): AppError {
  return new AppError('UNAVAILABLE', 'The assistant was stopped; ask again in a moment.')
}

function lost(): AppError {
  return new AppError('UNAVAILABLE', 'The assistant was interrupted; ask again.')
}

type Running = { id: string; owner: Owner; work: Work; stop: AbortController }

class ReaderLeft extends Error {
  override readonly name = 'ReaderLeft'
}

async function run(deps: RunnerDeps, { id, owner, work, stop }: Running): Promise<void> {
  const progress = { tokens: { input: 0, output: 0 }, attempts: 0, useful: false }
  const prose = proseOf((event) => deps.events.append(id, event))
  const reporter: Reporter = {
    async emit(event) {
      await prose.flush()
      if (event.type === 'draft') progress.useful ||= event.draft.valid
      if (event.type === 'step') progress.attempts = Math.max(progress.attempts, event.attempt)
      await deps.events.append(id, event)
    },
    text(source, piece) {
      progress.useful ||= source === 'model'
      prose.add(source, piece)
    },
    took({ input_tokens, output_tokens }) {
      progress.tokens.input += input_tokens
      progress.tokens.output += output_tokens
    },
    signal: stop.signal,
  }
  const signing = signs(deps, id, stop)
  let outcome: WorkEnd | Error
  try {
    outcome = await work(reporter)
  } catch (thrown) {
    outcome = stop.signal.aborted ? (stop.signal.reason as Error) : (thrown as Error)
  } finally {
    clearInterval(signing)
  }
  await prose.flush().catch(() => undefined)
  // A reader may have thought the writer gone and ended it already.
  if (!(await deps.events.takeEnd(id).catch(() => true))) return
  await end(deps, { id, owner, ...progress }, outcome)
}

/** Tells that the writer is there, and looks whether the reader is. */
function signs({ events, log, signEveryMs = SIGN_EVERY_MS }: RunnerDeps, id: string, stop: AbortController) {
  return setInterval(() => {
    events
      .sign(id, 'writer')
      .then(() => events.isThere(id, 'reader'))
      .then((there) => (there ? undefined : stop.abort(new ReaderLeft())))
      .catch((error: unknown) => log.warn({ err: error, use: id }, 'signs of a use'))
  }, signEveryMs)
}

function proseOf(append: (event: AiEvent) => Promise<void>) {
  let source: 'model' | 'template' = 'model'
  let waiting = ''
  let timer: NodeJS.Timeout | undefined
  let last: Promise<void> = Promise.resolve()
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const delta = waiting
    waiting = ''
    if (delta !== '') last = last.then(() => append({ type: 'text', source, delta }))
    return last
  }
  return {
    flush,
    add(from: 'model' | 'template', piece: string) {
      source = from
      waiting += piece
      if (waiting.length >= FLUSH_UNITS) void flush().catch(() => undefined)
      else timer ??= setTimeout(() => void flush().catch(() => undefined), FLUSH_AFTER_MS)
    },
  }
}

type Ending = { id: string; owner: Owner; tokens: Tokens; attempts: number; useful?: boolean }

async function end(deps: RunnerDeps, ending: Ending, outcome: WorkEnd | Error): Promise<void> {
  const { id, owner, tokens } = ending
  const use = endOf(ending, outcome)
  const settled = await deps.uses.end(owner.org_id, id, use)
  if (outcome instanceof Error && !(outcome instanceof ReaderLeft)) {
    if (!(outcome instanceof AppError || outcome instanceof ModelFailure))
      deps.log.error({ err: outcome, use: id }, 'a use of the assistant failed')
    await deps.events.append(id, failureEvent(outcome, settled.refunded))
  }
  await deps.events.append(id, usageEvent(tokens, settled))
  await deps.events.append(id, { type: 'done', outcome: use.state })
}

/** Who leaves after something came has used it; who leaves before has not, and neither has who got nothing they can use. */
function endOf({ tokens, attempts, useful = false }: Ending, outcome: WorkEnd | Error): UseEnd {
  if (!(outcome instanceof Error))
    return { state: 'completed', refund: !outcome.useful, tokens, attempts: outcome.attempts }
  if (outcome instanceof ReaderLeft) return { state: 'stopped', refund: !useful, tokens, attempts }
  return { state: 'failed', refund: true, tokens, attempts }
}

function failureEvent(error: Error, refunded: boolean): AiEvent {
  const known = error instanceof AppError || error instanceof ModelFailure
  const message = known ? error.message : 'Something went wrong on our side.'
  return { type: 'error', code: known ? error.code : 'INTERNAL', message, refunded }
}

function usageEvent(tokens: Tokens, { counted, used, limit }: Settled): AiEvent {
  return { type: 'usage', input_tokens: tokens.input, output_tokens: tokens.output, counted, used, limit }
}
