// A server of the modern era over a channel that several speakers share. What it says is passed on only where it tells
// itself whom it is for.
import { isId, META, metaOf, type Message, type RequestId, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import type { Channel } from './channel.ts'
import { tooLate } from './failures.ts'
import { messageOf } from './incoming.ts'
import { ACKNOWLEDGE_TIMEOUT_MS, changeOf, LISTEN, openAcknowledgement } from './modern-listening.ts'
import { tellSafely } from './modern-stream.ts'
import { PROGRESS, type Tell } from './progress.ts'
import { modernParams, nextRequestId } from './request-params.ts'
import type { Listening, Peer, RequestOptions } from './upstream.ts'

/** Whom a request is sent for. */
export type Sender = { speakerId: string; meta: JsonObject }

export type ModernChannel = {
  request(sender: Sender, method: string, params: JsonObject, options: RequestOptions): Promise<RpcAnswer>
  notify(sender: Sender, method: string, params: JsonObject): Promise<void>
  listen(sender: Sender, ...rest: Parameters<Peer['listen']>): Promise<Listening>
}

type UnderWay = { speakerId: string; token: RequestId | undefined; tell: Tell }
type Subscription = { tell(message: Message): void }

/** What a server still says of a request after its answer could be taken for another speaker's until this is over. */
const AFTERMATH_MS = 5_000

export function openModernChannel(channel: Channel, log: Log): ModernChannel {
  const requests = new Map<number, UnderWay>()
  const subscriptions = new Map<number, Subscription>()
  let last = { speakerId: '', endedAtMs: -Infinity }

  /** The only request that something untold can belong to; undefined when that is not certain. */
  const only = (): UnderWay | undefined => {
    const [request] = requests.values()
    if (request === undefined || requests.size > 1) return undefined
    const isAftermath =
      performance.now() - last.endedAtMs < AFTERMATH_MS && last.speakerId !== request.speakerId
    return isAftermath ? undefined : request
  }
  channel.hear = (message) => {
    const told = messageOf(message)
    // A server of this era asks nothing by requests of its own.
    if (told === undefined || message['id'] !== undefined) return
    const subscription = metaOf(told.params)[META.subscriptionId]
    if (subscription !== undefined) {
      if (typeof subscription === 'number') subscriptions.get(subscription)?.tell(told)
      return
    }
    if (told.method === 'notifications/cancelled') {
      const id = told.params?.['requestId']
      if (typeof id === 'number' && subscriptions.has(id)) channel.settle(id, { result: {} })
      return
    }
    if (told.method !== PROGRESS) return tellSafely(only()?.tell, told, log)
    const id = told.params?.['progressToken']
    const request = typeof id === 'number' ? requests.get(id) : undefined
    if (request?.token === undefined) return
    tellSafely(request.tell, { ...told, params: { ...told.params, progressToken: request.token } }, log)
  }
  return {
    async request({ speakerId, meta }, method, params, options) {
      const id = nextRequestId()
      const token = metaOf(params)['progressToken']
      requests.set(id, { speakerId, token: isId(token) ? token : undefined, tell: options.onNotification })
      try {
        return await channel.call(id, method, modernParams(params, id, meta), options)
      } finally {
        requests.delete(id)
        last = { speakerId, endedAtMs: performance.now() }
      }
    },
    notify: ({ meta }, method, params) =>
      channel.send({ method, params: { ...params, _meta: { ...meta, ...metaOf(params) } } }),
    async listen({ meta }, filter, { signal, onNotification }) {
      const id = nextRequestId()
      const acknowledged = openAcknowledgement(channel.slug)
      const tell = (message: Message) => {
        const change = changeOf(message, filter, acknowledged.take)
        if (change !== undefined) tellSafely(onNotification, change, log)
      }
      subscriptions.set(id, { tell })
      const stop = new AbortController()
      const timer = setTimeout(() => {
        acknowledged.fail(tooLate(channel.slug, ACKNOWLEDGE_TIMEOUT_MS))
        stop.abort()
      }, ACKNOWLEDGE_TIMEOUT_MS)
      const options = { timeoutMs: 0, signal: AbortSignal.any([signal, stop.signal]) }
      const params = modernParams({ notifications: filter }, id, meta)
      const ended = channel
        .call(id, LISTEN, params, options)
        .then(acknowledged.answer, acknowledged.fail)
        .finally(() => subscriptions.delete(id))
      try {
        return { honored: await acknowledged.honored, ended }
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
