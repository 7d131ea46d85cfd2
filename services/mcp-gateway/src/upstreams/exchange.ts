// One POST to an upstream and the message it answers with, over undici's dispatch: the least that a call
// can cost. Answers are bounded in size and time, whichever way they come.
import { createParser, type EventSourceParser } from 'eventsource-parser'
import type { Dispatcher, Pool } from 'undici'
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import { isObject } from '../json-rpc.ts'
import { parseUpstreamJson } from './upstream-json.ts'

export type Post = {
  slug: string
  path: string
  headers: Record<string, string>
  body: string
  /** Id of the request whose answer is waited for; null for a notification. */
  id: number | null
  timeoutMs: number
  signal: AbortSignal | undefined
}

export type Answered = {
  status: number
  sessionId: string | undefined
  /** The message that answers; undefined when the body held none. */
  message: JsonObject | undefined
}

const MAX_ANSWER_BYTES = 32 * 1024 * 1024

/** Rejects with an AppError when the upstream cannot be reached, is late or answers without end. */
export function exchange(pool: Pool, post: Post): Promise<Answered> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined
    let settled = false
    const settle = (use: () => void) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      post.signal?.removeEventListener('abort', gone)
      use()
      // What still comes is of no use; a finished response is not touched by this.
      controller?.abort(STOPPED)
    }
    const fail = (error: AppError) => settle(() => reject(error))
    const late = () =>
      fail(
        new AppError(
          'DEADLINE_EXCEEDED',
          `The upstream ${post.slug} did not answer within ${post.timeoutMs} ms.`,
        ),
      )
    const gone = () => fail(new AppError('UNAVAILABLE', 'The client went away.'))
    const timer = setTimeout(late, post.timeoutMs)
    if (post.signal?.aborted) return gone()
    post.signal?.addEventListener('abort', gone, { once: true })

    const answered: Answered = { status: 0, sessionId: undefined, message: undefined }
    let body: Body = ignored
    let bytes = 0
    pool.dispatch(
      {
        path: post.path,
        method: 'POST',
        headers: post.headers,
        body: post.body,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      {
        onRequestStart(given) {
          controller = given
          if (settled) given.abort(STOPPED)
        },
        onResponseStart(_controller, status, headers) {
          const sessionId = headers['mcp-session-id']
          answered.status = status
          answered.sessionId = typeof sessionId === 'string' ? sessionId : undefined
          body = bodyOf(String(headers['content-type'] ?? ''), post.id)
        },
        onResponseData(_controller, chunk) {
          bytes += chunk.length
          if (bytes > MAX_ANSWER_BYTES) {
            fail(
              new AppError(
                'UNAVAILABLE',
                `The upstream ${post.slug} answered with more than ${MAX_ANSWER_BYTES} bytes.`,
              ),
            )
            return
          }
          answered.message = body.take(chunk)
          if (answered.message !== undefined) settle(() => resolve(answered))
        },
        onResponseEnd() {
          answered.message ??= body.end()
          // The connection is free for the next call: nothing is left to stop.
          controller = undefined
          settle(() => resolve(answered))
        },
        onResponseError(_controller, cause) {
          controller = undefined
          const what =
            answered.status === 0 ? 'cannot be reached' : 'broke off before its answer was complete'
          fail(new AppError('UNAVAILABLE', `The upstream ${post.slug} ${what}.`, { cause }))
        },
      },
    )
  })
}

const STOPPED = new Error('not waited for any longer')

/** Reads a body piece by piece; `take` gives the answer as soon as it is there. */
type Body = { take(chunk: Buffer): JsonObject | undefined; end(): JsonObject | undefined }

const ignored: Body = { take: () => undefined, end: () => undefined }

function bodyOf(contentType: string, id: number | null): Body {
  if (id === null) return ignored
  if (contentType.startsWith('application/json')) return jsonBody(id)
  if (contentType.startsWith('text/event-stream')) return eventsBody(id)
  return ignored
}

function jsonBody(id: number): Body {
  const chunks: Buffer[] = []
  return {
    take(chunk) {
      chunks.push(chunk)
      return undefined
    },
    end() {
      const whole = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
      const message = parseObject(whole?.toString('utf8') ?? '')
      // An error may come without the id; a result is only ours when it says so.
      return message?.id === id || message?.result === undefined ? message : undefined
    },
  }
}

/** Messages on the way to the answer, such as progress, are not passed on. */
function eventsBody(id: number): Body {
  let answer: JsonObject | undefined
  const parser: EventSourceParser = createParser({
    onEvent(event) {
      const message = parseObject(event.data)
      if (message !== undefined && message.id === id && message.method === undefined) answer ??= message
    },
  })
  const decoder = new TextDecoder()
  return {
    take(chunk) {
      parser.feed(decoder.decode(chunk, { stream: true }))
      return answer
    },
    end: () => answer,
  }
}

function parseObject(text: string): JsonObject | undefined {
  const value = parseUpstreamJson(text)
  return isObject(value) ? value : undefined
}
