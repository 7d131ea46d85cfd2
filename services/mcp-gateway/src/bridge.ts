// One decided request of a client → its upstream's answer, whatever eras the two speak. Where they differ, what a legacy
// server asks in the middle of a request becomes an input-required result, and the reverse.
import { randomUUID } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  isObject,
  META,
  METHOD_NOT_FOUND,
  RESOURCE_NOT_FOUND,
  type Message,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import { canAnswer, canBeAsked } from '@mcpshield/mcp/questions'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Peer } from '@mcpshield/upstream/upstream'
import type { Client, Exchange } from './client.ts'
import { pausableDeadline } from './deadline.ts'
import type { OpenCalls, Step } from './open-calls.ts'

export type Crossing = {
  peer: Peer
  method: string
  params: JsonObject
  timeoutMs: number
  exchange: Exchange
  /** What is told and asked on behalf of the call, once it may be: recorded and redacted. */
  tell(message: Message): void
  ask(message: Message, signal: AbortSignal): Promise<RpcAnswer>
}

/** Methods whose answer may ask for input in the modern era. */
export const TAKES_INPUT: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])
const MAX_ROUNDS = 16
/** That a person is asked in one breath. */
const MAX_QUESTIONS = 20

/** Throws an AppError when the upstream gives no answer. */
export function cross(crossing: Crossing, openCalls: OpenCalls): Promise<Step> {
  const { peer, exchange, method } = crossing
  if (exchange.client.era === 'modern')
    return peer.era === 'legacy' && TAKES_INPUT.has(method) && canBeAsked(exchange.client.capabilities)
      ? openCalls.start(crossing)
      : plainly(crossing)
  return peer.era === 'modern' ? inRounds(crossing) : answeringItsQuestions(crossing)
}

/** Modern to modern, and whatever no question can come from. */
async function plainly({ peer, method, params, timeoutMs, exchange, tell }: Crossing): Promise<Step> {
  const { signal } = exchange
  return { answer: await peer.request(method, params, { timeoutMs, signal, onNotification: tell }) }
}

/** Legacy to legacy: the server's questions go to the client as they are. The time a person takes is not the server's. */
async function answeringItsQuestions(crossing: Crossing): Promise<Step> {
  const { peer, method, params, timeoutMs, exchange, tell, ask } = crossing
  if (!canBeAsked(exchange.client.capabilities)) {
    const { signal } = exchange
    return {
      answer: await peer.request(method, params, { timeoutMs, signal, onNotification: tell, onRequest: ask }),
    }
  }
  using deadline = pausableDeadline(timeoutMs, exchange.signal)
  const answer = await deadline.guard(
    peer.request(method, params, {
      timeoutMs: deadline.maxMs,
      signal: deadline.signal,
      onNotification: tell,
      onRequest: (message, signal) => deadline.paused(() => ask(message, signal)),
    }),
  )
  return { answer }
}

/** Legacy to modern: each input-required result is asked of the client, and the request made again with its answers. */
async function inRounds(crossing: Crossing): Promise<Step> {
  const { peer, method, params, timeoutMs, exchange, tell, ask } = crossing
  const { signal } = exchange
  let retry: JsonObject = {}
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const answer = await peer.request(
      method,
      { ...params, ...retry },
      { timeoutMs, signal, onNotification: tell },
    )
    if ('error' in answer || answer.result['resultType'] !== 'input_required') return { answer }
    const { inputRequests, requestState } = answer.result
    const responses = await answersTo(
      exchange.client,
      isObject(inputRequests) ? inputRequests : {},
      ask,
      signal,
    )
    if ('error' in responses) return { answer: responses }
    retry = {
      inputResponses: responses.result,
      ...(requestState === undefined ? {} : { requestState }),
    }
  }
  throw new AppError('UNAVAILABLE', `The upstream asked for input ${MAX_ROUNDS} times without an answer.`)
}

async function answersTo(
  client: Client,
  requests: JsonObject,
  ask: Crossing['ask'],
  signal: AbortSignal,
): Promise<RpcAnswer> {
  const asked = Object.entries(requests)
  if (asked.length > MAX_QUESTIONS)
    throw new AppError(
      'UNAVAILABLE',
      `The upstream asked ${asked.length} questions at once: at most ${MAX_QUESTIONS} are passed on.`,
    )
  const answers = await Promise.all(
    asked.map(async ([key, request]): Promise<[string, RpcAnswer]> => {
      const message = messageOf(request)
      if (message === undefined || !canAnswer(client.capabilities, message))
        return [key, cannotAnswer(message)]
      return [key, await ask(message, signal)]
    }),
  )
  const failed = answers.find(([, answer]) => 'error' in answer)
  if (failed !== undefined && 'error' in failed[1]) {
    const { message } = failed[1].error
    return {
      error: { code: INTERNAL_ERROR, message: `The upstream’s question could not be answered: ${message}` },
    }
  }
  return {
    result: Object.fromEntries(
      answers.map(([key, answer]) => [key, 'result' in answer ? answer.result : {}]),
    ),
  }
}

function messageOf(value: unknown): Message | undefined {
  if (!isObject(value) || typeof value['method'] !== 'string') return undefined
  const { method, params } = value
  return { method, ...(isObject(params) ? { params: withElicitationId(method, params) } : {}) }
}

/** The legacy era knows each visit of a page by an id; the modern one has none. */
function withElicitationId(method: string, params: JsonObject): JsonObject {
  if (method !== 'elicitation/create' || params['mode'] !== 'url' || params['elicitationId'] !== undefined)
    return params
  return { ...params, elicitationId: randomUUID() }
}

export function cannotAnswer(message: Message | undefined): RpcAnswer {
  const what = message === undefined ? 'something that is no request' : message.method
  return { error: { code: METHOD_NOT_FOUND, message: `This client cannot be asked for ${what}.` } }
}

/** Lists, and what is read, which the modern era lets clients keep for a while. */
const CACHEABLE = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'server/discover',
])

/** The answer in the words of the client's era. */
export function inEraOf(client: Client, peer: Peer, method: string, answer: RpcAnswer): RpcAnswer {
  if (client.era === peer.era) return answer
  if (client.era === 'legacy') return legacyAnswer(answer)
  if ('error' in answer) {
    const { code } = answer.error
    return code === RESOURCE_NOT_FOUND ? { error: { ...answer.error, code: INVALID_PARAMS } } : answer
  }
  return { result: modernResult(method, answer.result, peer.server.serverInfo) }
}

export function modernResult(method: string, result: JsonObject, serverInfo: JsonObject): JsonObject {
  const meta = isObject(result['_meta']) ? result['_meta'] : {}
  return {
    ...(CACHEABLE.has(method) ? { ttlMs: 0, cacheScope: 'private' } : {}),
    resultType: 'complete',
    ...result,
    _meta: { [META.serverInfo]: serverInfo, ...meta },
  }
}

function legacyAnswer(answer: RpcAnswer): RpcAnswer {
  if ('error' in answer || answer.result['resultType'] !== 'complete') return answer
  const { resultType: _, ...result } = answer.result
  return { result }
}
