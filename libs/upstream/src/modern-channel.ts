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

type State = {
  channel: Channel
  log: Log
  requests: Map<number, UnderWay>
  subscriptions: Map<number, (message: Message) => void>
  /** The request that ended last. */
  last: { speakerId: string; endedAtMs: number }
}

/** What a server still says of a request after its answer could be taken for another speaker's until this is over. */
const AFTERMATH_MS = 5_000

export function openModernChannel(channel: Channel, log: Log): ModernChannel {
  const state: State = {
    channel,
    log,
    requests: new Map(),
    subscriptions: new Map(),
    last: { speakerId: '', endedAtMs: -Infinity },
  }
  channel.hear = (message) => hear(state, message)
  return {
    request: (sender, method, params, options) => request(state, sender, method, params, options),
    notify: ({ meta }, method, params) =>
      channel.send({ method, params: { ...params, _meta: { ...meta, ...metaOf(params) } } }),
    listen: (sender, filter, options) => listen(state, sender, filter, options),
  }
}

async function request(
  state: State,
  { speakerId, meta }: Sender,
  method: string,
  params: JsonObject,
  options: RequestOptions,
): Promise<RpcAnswer> {
  const id = nextRequestId()
  const token = metaOf(params)['progressToken']
  state.requests.set(id, { speakerId, token: isId(token) ? token : undefined, tell: options.onNotification })
  try {
    return await state.channel.call(id, method, modernParams(params, id, meta), options)
  } finally {
    state.requests.delete(id)
    state.last = { speakerId, endedAtMs: performance.now() }
  }
}

function hear({ channel, log, requests, subscriptions, last }: State, message: JsonObject): void {
  const told = messageOf(message)
  // A server of this era asks nothing by requests of its own.
  if (told === undefined || message['id'] !== undefined) return
  const { method, params } = told
  const subscription = metaOf(params)[META.subscriptionId]
  if (subscription !== undefined) {
    if (typeof subscription === 'number') subscriptions.get(subscription)?.(told)
    return
  }
  if (method === 'notifications/cancelled') {
    const id = params?.['requestId']
    if (typeof id === 'number' && subscriptions.has(id)) channel.settle(id, { result: {} })
    return
  }
  if (method !== PROGRESS) return tellSafely(onlyOne(requests, last)?.tell, told, log)
  const id = params?.['progressToken']
  const underWay = typeof id === 'number' ? requests.get(id) : undefined
  if (underWay?.token === undefined) return
  tellSafely(underWay.tell, { method, params: { ...params, progressToken: underWay.token } }, log)
}

/** The only request that something can belong to that does not say so; undefined when that is not certain. */
function onlyOne(requests: Map<number, UnderWay>, last: State['last']): UnderWay | undefined {
  // Of the same speaker's requests, those that nobody listens to (lists that are read beside a call) take nothing away.
  const underWay = [...requests.values()]
  const [only, ...others] = underWay.filter(({ tell }) => tell !== undefined)
  if (only === undefined || others.length > 0) return undefined
  if (underWay.some(({ speakerId }) => speakerId !== only.speakerId)) return undefined
  const isAftermath = performance.now() - last.endedAtMs < AFTERMATH_MS && last.speakerId !== only.speakerId
  return isAftermath ? undefined : only
}

async function listen(
  { channel, log, subscriptions }: State,
  { meta }: Sender,
  filter: JsonObject,
  { signal, onNotification }: Parameters<Peer['listen']>[1],
): Promise<Listening> {
  const id = nextRequestId()
  const acknowledged = openAcknowledgement(channel.slug)
  subscriptions.set(id, (message) => {
    const change = changeOf(message, filter, acknowledged.take)
    if (change !== undefined) tellSafely(onNotification, change, log)
  })
  const stop = new AbortController()
  const timer = setTimeout(() => {
    acknowledged.fail(tooLate(channel.slug, ACKNOWLEDGE_TIMEOUT_MS))
    stop.abort()
  }, ACKNOWLEDGE_TIMEOUT_MS)
  const options = { timeoutMs: 0, signal: AbortSignal.any([signal, stop.signal]) }
  const ended = channel
    .call(id, LISTEN, modernParams({ notifications: filter }, id, meta), options)
    .then(acknowledged.answer, acknowledged.fail)
    .finally(() => subscriptions.delete(id))
  try {
    return { honored: await acknowledged.honored, ended }
  } finally {
    clearTimeout(timer)
  }
}
