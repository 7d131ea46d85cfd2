// One HTTP request to an upstream and what comes back, over undici's dispatch: the least that a call can cost. What
// comes is bounded in size and time. Redirects are never followed: a 3xx is an answer like any other status.
import type { Dispatcher } from 'undici'
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import { readEvents, type EventReader, type EventTaker } from './events.ts'
import { clientGone, MAX_TIMER_MS, tooLate, unavailable } from './failures.ts'
import type { Pace } from './pace.ts'
import { parseMessage } from './upstream-json.ts'

export type HttpCall = {
  method: 'POST' | 'GET' | 'DELETE'
  path: string
  /** Names and values by turns. */
  headers: string[]
  body: string | null
  /** 0: a stream that may stay open. */
  timeoutMs: number
  signal: AbortSignal | undefined
  /** Made when the answer is an event stream; without it no body is read at all. */
  reader?: (() => EventReader) | undefined
}

export type HttpAnswer = {
  status: number
  headers: Record<string, string | string[] | undefined>
  /** The body, when it is a JSON object. */
  message: JsonObject | undefined
  /** True when the answer was an event stream, read to where its reader wanted, its end or its breaking off. */
  events: boolean
}

/** What all exchanges with one upstream take together. */
export type Load = {
  /** Of answers that are not complete yet. */
  heldBytes: number
  /** Of streams that may stay open. */
  pace: Pace
}

const MAX_ANSWER_BYTES = 32 * 1024 * 1024
/** However many calls there are at once: the memory is everybody's. */
const MAX_HELD_BYTES = 128 * 1024 * 1024
/** A response that is not waited for any longer may end, so that its connection can be used again. */
const LEFTOVER_MS = 1_000
const MAX_LEFTOVER_BYTES = 64 * 1024
const STOPPED = new Error('not waited for any longer')

/** Rejects with an AppError when the upstream cannot be reached, is late or answers without end. */
export function exchange(pool: Dispatcher, slug: string, call: HttpCall, load: Load): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    if (call.signal?.aborted) return reject(clientGone())
    const { path, method, headers, body } = call
    pool.dispatch({ path, method, headers, body }, new Exchange(slug, call, load, resolve, reject))
  })
}

/** A class, since there is one for each call: what all have in common is made once. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #slug: string
  readonly #call: HttpCall
  readonly #load: Load
  readonly #resolve: (answer: HttpAnswer) => void
  readonly #reject: (error: Error) => void
  readonly #answer: HttpAnswer = { status: 0, headers: {}, message: undefined, events: false }
  readonly #gone: (() => void) | undefined
  readonly #deadline: NodeJS.Timeout | undefined
  #controller: Dispatcher.DispatchController | undefined
  #leftover: NodeJS.Timeout | undefined
  #settled = false
  #bytes = 0
  #ownBytes = 0
  readonly #chunks: Buffer[] = []
  #take: EventTaker | undefined

  constructor(
    slug: string,
    call: HttpCall,
    load: Load,
    resolve: (answer: HttpAnswer) => void,
    reject: (error: Error) => void,
  ) {
    this.#slug = slug
    this.#call = call
    this.#load = load
    this.#resolve = resolve
    this.#reject = reject
    const { timeoutMs, signal } = call
    if (timeoutMs !== 0) {
      const late = () => this.#fail(tooLate(slug, timeoutMs))
      this.#deadline = setTimeout(late, Math.min(MAX_TIMER_MS, timeoutMs))
    }
    if (signal === undefined) return
    this.#gone = () => this.#fail(clientGone())
    signal.addEventListener('abort', this.#gone, { once: true })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#settled) controller.abort(STOPPED)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: HttpAnswer['headers'],
  ): void {
    if (status < 200) return
    this.#answer.status = status
    this.#answer.headers = headers
    const { reader } = this.#call
    const type = String(headers['content-type'] ?? '').toLowerCase()
    if (reader === undefined) return this.#done()
    if (type.startsWith('application/json')) return
    if (!type.startsWith('text/event-stream') || status >= 300) return this.#done()
    this.#answer.events = true
    this.#take = readEvents(reader())
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#settled) {
      if (this.#bytes > MAX_LEFTOVER_BYTES) this.#controller?.abort(STOPPED)
    } else if (this.#bytes > MAX_ANSWER_BYTES && this.#call.timeoutMs !== 0) {
      // A stream without a deadline is bounded by the size of its events.
      this.#fail(unavailable(this.#slug, `answered with more than ${MAX_ANSWER_BYTES} bytes`))
    } else if (this.#take === undefined) {
      this.#chunks.push(chunk)
      this.#hold(this.#bytes)
    } else {
      const startedMs = performance.now()
      const taken = this.#take.take(chunk)
      if (this.#call.timeoutMs === 0) this.#rest(performance.now() - startedMs)
      if (taken === 'all') this.#done()
      else if (taken === 'too large') this.#fail(unavailable(this.#slug, 'sent an event that is too large'))
      else this.#hold(this.#take.heldBytes())
    }
  }

  /** Reads on only after a while, where the upstream tells more than it may: it has to wait then. */
  #rest(workedMs: number): void {
    const waitMs = this.#load.pace.worked(workedMs)
    if (waitMs === 0) return
    this.#controller?.pause()
    setTimeout(() => this.#controller?.resume(), waitMs).unref()
  }

  #hold(bytes: number): void {
    this.#load.heldBytes += bytes - this.#ownBytes
    this.#ownBytes = bytes
    if (this.#load.heldBytes > MAX_HELD_BYTES && bytes > 0)
      this.#fail(unavailable(this.#slug, 'answers many calls with too much at once'))
  }

  onResponseEnd(): void {
    this.#over()
    if (this.#take === undefined && !this.#settled) this.#answer.message = jsonOf(this.#chunks)
    this.#done()
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    this.#over()
    if (cause instanceof AppError) return this.#fail(cause) // It may not be connected to.
    if (this.#answer.events) return this.#done()
    const what = this.#answer.status === 0 ? 'cannot be reached' : 'broke off before its answer was complete'
    this.#fail(unavailable(this.#slug, what, cause))
  }

  /** Nothing more can come. */
  #over(): void {
    this.#controller = undefined
    clearTimeout(this.#leftover)
  }

  #settle(): void {
    this.#settled = true
    this.#hold(0)
    clearTimeout(this.#deadline)
    if (this.#gone !== undefined) this.#call.signal?.removeEventListener('abort', this.#gone)
  }

  #done(): void {
    if (this.#settled) return
    this.#settle()
    this.#resolve(this.#answer)
    if (this.#controller === undefined) return
    this.#bytes = 0
    this.#leftover = setTimeout(() => this.#controller?.abort(STOPPED), LEFTOVER_MS)
    this.#leftover.unref()
  }

  #fail(error: Error): void {
    if (this.#settled) return
    this.#settle()
    this.#reject(error)
    this.#controller?.abort(STOPPED)
  }
}

function jsonOf(chunks: Buffer[]): JsonObject | undefined {
  const whole = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
  return whole === undefined ? undefined : parseMessage(whole.toString('utf8'))
}
