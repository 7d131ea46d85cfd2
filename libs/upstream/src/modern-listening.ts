// `subscriptions/listen` of the modern era over HTTP: a request whose answer is a stream of changes.
import { META, metaOf, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import { filteredUris, isAskedFor, isChange } from './change-filter.ts'
import type { EventReader } from './events.ts'
import { tooLate, unavailable } from './failures.ts'
import { answerTo, messageOf } from './incoming.ts'
import type { ModernHttp } from './modern-http.ts'
import { tellSafely } from './modern-stream.ts'
import { PROGRESS } from './progress.ts'
import { modernParams, nextRequestId, requestText } from './request-params.ts'
import type { Listening, Peer } from './upstream.ts'

export const LISTEN = 'subscriptions/listen'
export const ACKNOWLEDGE_TIMEOUT_MS = 15_000

type ListenOptions = Parameters<Peer['listen']>[1]

/** `gone`: the speaker is. */
export async function listenOverHttp(
  { endpoint, headers, log }: ModernHttp,
  meta: JsonObject,
  filter: JsonObject,
  { signal, onNotification }: ListenOptions,
  gone: AbortSignal,
): Promise<Listening> {
  const { slug } = endpoint
  const id = nextRequestId()
  const acknowledged = openAcknowledgement(slug)
  const reader = (): EventReader => ({
    onMessage(message) {
      const answer = message['method'] === undefined ? answerTo(id, message) : undefined
      if (answer !== undefined) acknowledged.answer(answer)
      const told = messageOf(message)
      const change = told === undefined ? undefined : changeOf(told, filter, acknowledged.take)
      if (change !== undefined) tellSafely(onNotification, change, log)
      return answer !== undefined
    },
  })
  const late = new AbortController()
  const timer = setTimeout(() => {
    acknowledged.fail(tooLate(slug, ACKNOWLEDGE_TIMEOUT_MS))
    late.abort()
  }, ACKNOWLEDGE_TIMEOUT_MS)
  const ended = endpoint
    .send({
      method: 'POST',
      headers: [...headers, 'mcp-method', LISTEN],
      body: requestText(id, LISTEN, modernParams({ notifications: filter }, id, meta)),
      timeoutMs: 0,
      signal: AbortSignal.any([signal, gone, late.signal]),
      reader,
    })
    .then(
      (http) => {
        const answer = answerTo(id, http.message)
        if (answer !== undefined) acknowledged.answer(answer)
        acknowledged.fail(unavailable(slug, `answered with status ${http.status} and no subscription`))
      },
      (error: Error) => acknowledged.fail(error),
    )
  try {
    return { honored: await acknowledged.honored, ended }
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for the first message of a subscription. */
export function openAcknowledgement(slug: string) {
  const { promise, resolve, reject } = Promise.withResolvers<JsonObject>()
  return {
    honored: promise,
    take: resolve,
    fail: reject,
    /** Of the listening request itself: its end, or that it is refused. */
    answer(answer: RpcAnswer) {
      const why =
        'error' in answer ? `refused to be listened to: ${answer.error.message}` : 'ended the subscription'
      reject(unavailable(slug, why.replace(/\.$/, '')))
    },
  }
}

/** What is said of a request by its id or token, which may be those of another server's requests at the client. */
const OF_REQUESTS = new Set([PROGRESS, 'notifications/cancelled'])

/**
 * The change that a message of a subscription tells, without the server's own id of the subscription. What was not asked
 * for is not passed on.
 */
export function changeOf(
  { method, params = {} }: Message,
  filter: JsonObject,
  acknowledge: (honored: JsonObject) => void,
): Message | undefined {
  const { [META.subscriptionId]: _id, ...meta } = metaOf(params)
  const { _meta, ...rest } = params
  if (method === 'notifications/subscriptions/acknowledged') {
    const { notifications } = rest
    acknowledge(
      typeof notifications === 'object' && notifications !== null ? (notifications as JsonObject) : {},
    )
    return undefined
  }
  if (OF_REQUESTS.has(method)) return undefined
  const change = { method, params: Object.keys(meta).length === 0 ? rest : { ...rest, _meta: meta } }
  return isChange(change) && !isAskedFor(filter, filteredUris(filter), change) ? undefined : change
}
