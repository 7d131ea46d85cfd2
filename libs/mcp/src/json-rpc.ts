// JSON-RPC 2.0 as MCP uses it: one message at a time, ids that are strings or integers, nothing that can be read in
// two ways.
import { parseStrictJson, type JsonLimits } from '@mcpshield/facts/json'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import {
  INVALID_REQUEST,
  isId,
  isObject,
  PARSE_ERROR,
  type RequestId,
  type RpcAnswer,
  type RpcError,
} from './messages.ts'

export type Request = { id: RequestId; method: string; params: JsonObject }

/** What a client may say. */
export type Incoming =
  | { kind: 'request'; request: Request }
  | { kind: 'notification'; method: string; params: JsonObject }
  | { kind: 'response'; id: RequestId; answer: { result: JsonValue } | { error: JsonValue } }
  | { kind: 'invalid'; error: RpcError; id: RequestId | null }

/** Reads one message. Text that repeats a key, nests too deep or is a batch is refused. */
export function readMessage(text: string, limits?: JsonLimits): Incoming {
  const parsed = parseStrictJson(text, limits)
  if ('error' in parsed)
    return invalid(PARSE_ERROR, `The body is not JSON that can be judged: ${parsed.error}.`)
  const message = parsed.value
  if (Array.isArray(message))
    return invalid(INVALID_REQUEST, 'Batches are not accepted: send one message per request.')
  if (!isObject(message) || message['jsonrpc'] !== '2.0')
    return invalid(INVALID_REQUEST, 'This is not a JSON-RPC 2.0 message.')
  if (!Object.hasOwn(message, 'method')) return response(message)
  return request(message)
}

function response({ id, result, error }: JsonObject): Incoming {
  if (!isId(id) || (result === undefined) === (error === undefined))
    return invalid(INVALID_REQUEST, 'The message has neither a method nor one result or error.', id)
  return { kind: 'response', id, answer: result === undefined ? { error: error as JsonValue } : { result } }
}

function request(message: JsonObject): Incoming {
  const { id, method, params } = message
  if (typeof method !== 'string') return invalid(INVALID_REQUEST, 'The method must be a string.')
  if (params !== undefined && !isObject(params))
    return invalid(INVALID_REQUEST, 'The params must be an object.', id)
  if (!Object.hasOwn(message, 'id')) return { kind: 'notification', method, params: params ?? {} }
  if (!isId(id)) return invalid(INVALID_REQUEST, 'The id must be a string or an integer.')
  return { kind: 'request', request: { id, method, params: params ?? {} } }
}

function invalid(code: number, message: string, id?: JsonValue): Incoming {
  return { kind: 'invalid', error: { code, message }, id: isId(id) ? id : null }
}

/** An answer as JSON text, written once: a result may be large. */
export type WrittenAnswer = { member: 'result' | 'error'; json: string; code?: number }

export function writeAnswer(answer: RpcAnswer): WrittenAnswer {
  if ('result' in answer) return { member: 'result', json: JSON.stringify(answer.result) }
  return { member: 'error', json: JSON.stringify(answer.error), code: answer.error.code }
}

/** The whole message. */
export function answerText(id: RequestId | null, { member, json }: WrittenAnswer): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"${member}":${json}}`
}
