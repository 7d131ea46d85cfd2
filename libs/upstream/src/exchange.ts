// One HTTP request to an upstream and what comes back, over undici's dispatch: the least that a call can cost. What
// comes is bounded in size and time. Redirects are never followed: a 3xx is an answer like any other status.
import type { Dispatcher } from 'undici'
import type { JsonObject } from '@mcpshield/policy/facts'
import { readEvents, type EventReader, type EventTaker } from './events.ts'
import { clientGone, tooLate, unavailable } from './failures.ts'
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

const MAX_ANSWER_BYTES = 32 * 1024 * 1024
/** A response that is not waited for any longer may end, so that its connection can be used again. */
const LEFTOVER_MS = 1_000
const MAX_LEFTOVER_BYTES = 64 * 1024
const STOPPED = new Error('not waited for any longer')

/** Rejects with an AppError when the upstream cannot be reached, is late or answers without end. */
export function exchange(pool: Dispatcher, slug: string, call: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined
    let settled = false
    let leftoverTimer: NodeJS.Timeout | undefined
    let bytes = 0
    let body: Body = NO_BODY
    const answer: HttpAnswer = { status: 0, headers: {}, message: undefined, events: false }

    const settle = () => {
      settled = true
      clearTimeout(timer)
      call.signal?.removeEventListener('abort', gone)
    }
    const fail = (error: Error) => {
      if (settled) return
      settle()
      reject(error)
      controller?.abort(STOPPED)
    }
    const done = () => {
      if (settled) return
      settle()
      resolve(answer)
      if (controller === undefined) return
      bytes = 0
      leftoverTimer = setTimeout(() => controller?.abort(STOPPED), LEFTOVER_MS)
      leftoverTimer.unref()
    }
    const gone = () => fail(clientGone())
    const timer =
      call.timeoutMs === 0 ? undefined : setTimeout(() => fail(tooLate(slug, call.timeoutMs)), call.timeoutMs)
    if (call.signal?.aborted) return gone()
    call.signal?.addEventListener('abort', gone, { once: true })

    pool.dispatch(
      { path: call.path, method: call.method, headers: call.headers, body: call.body },
      {
        onRequestStart(given) {
          controller = given
          if (settled) given.abort(STOPPED)
        },
        onResponseStart(_controller, status, headers) {
          if (status < 200) return
          answer.status = status
          answer.headers = headers
          body = bodyOf(call, status, String(headers['content-type'] ?? ''))
          answer.events = body.take !== undefined
          if (body === NO_BODY) done()
        },
        onResponseData(_controller, chunk) {
          bytes += chunk.length
          if (settled) {
            if (bytes > MAX_LEFTOVER_BYTES) controller?.abort(STOPPED)
            return
          }
          // A stream without a deadline is bounded by the size of its events.
          if (bytes > MAX_ANSWER_BYTES && call.timeoutMs !== 0)
            return fail(unavailable(slug, `answered with more than ${MAX_ANSWER_BYTES} bytes`))
          if (body.take === undefined) return void body.chunks.push(chunk)
          const taken = body.take(chunk)
          if (taken === 'all') done()
          else if (taken === 'too large') fail(unavailable(slug, 'sent an event that is too large'))
        },
        onResponseEnd() {
          controller = undefined
          clearTimeout(leftoverTimer)
          if (body.take === undefined && !settled) answer.message = jsonOf(body.chunks)
          done()
        },
        onResponseError(_controller, cause) {
          controller = undefined
          clearTimeout(leftoverTimer)
          if (answer.events) return done()
          const reached = answer.status !== 0
          fail(
            unavailable(
              slug,
              reached ? 'broke off before its answer was complete' : 'cannot be reached',
              cause,
            ),
          )
        },
      },
    )
  })
}

type Body = { chunks: Buffer[]; take?: EventTaker }

const NO_BODY: Body = { chunks: [] }

function bodyOf({ reader }: HttpCall, status: number, contentType: string): Body {
  if (reader === undefined) return NO_BODY
  const type = contentType.toLowerCase()
  if (type.startsWith('application/json')) return { chunks: [] }
  if (type.startsWith('text/event-stream') && status < 300) return { chunks: [], take: readEvents(reader()) }
  return NO_BODY
}

function jsonOf(chunks: Buffer[]): JsonObject | undefined {
  const whole = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
  return whole === undefined ? undefined : parseMessage(whole.toString('utf8'))
}
