// JSON-RPC 2.0 as MCP uses it: one message per body, ids that are strings or integers.
import { parseStrictJson } from '@mcpshield/facts/json'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'

export type RequestId = string | number

export type Request = { id: RequestId; method: string; params: JsonObject }
export type Notification = { method: string }

export type Incoming =
  | { kind: 'request'; request: Request }
  | { kind: 'notification'; notification: Notification }
  | { kind: 'response' }
  | { kind: 'invalid'; error: RpcError; id: RequestId | null }

export type RpcError = { code: number; message: string; data?: JsonValue }
export type RpcAnswer = { result: JsonObject } | { error: RpcError }

export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = -32602
export const INTERNAL_ERROR = -32603

/** Reads one message. Text that repeats a key, nests too deep or is a batch is refused. */
export function readMessage(text: string): Incoming {
  const parsed = parseStrictJson(text)
  if ('error' in parsed)
    return invalid(PARSE_ERROR, `The body is not JSON that can be judged: ${parsed.error}.`)
  const message = parsed.value
  if (Array.isArray(message))
    return invalid(INVALID_REQUEST, 'Batches are not accepted: send one message per request.')
  if (!isObject(message) || message.jsonrpc !== '2.0')
    return invalid(INVALID_REQUEST, 'This is not a JSON-RPC 2.0 message.')
  if (!('method' in message)) return response(message)
  return request(message)
}

function response(message: JsonObject): Incoming {
  if (('result' in message || 'error' in message) && isId(message.id)) return { kind: 'response' }
  return invalid(INVALID_REQUEST, 'The message has neither a method nor a result.')
}

function request(message: JsonObject): Incoming {
  const { id, method, params } = message
  if (typeof method !== 'string') return invalid(INVALID_REQUEST, 'The method must be a string.')
  if (params !== undefined && !isObject(params))
    return invalid(INVALID_REQUEST, 'The params must be an object.', id)
  if (!('id' in message)) return { kind: 'notification', notification: { method } }
  if (!isId(id)) return invalid(INVALID_REQUEST, 'The id must be a string or an integer.')
  return { kind: 'request', request: { id, method, params: params ?? {} } }
}

function invalid(code: number, message: string, id?: JsonValue): Incoming {
  return { kind: 'invalid', error: { code, message }, id: isId(id) ? id : null }
}

function isId(value: JsonValue | undefined): value is RequestId {
  return typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An answer as JSON text, written once: a result may be large. */
export type WrittenAnswer = { member: 'result' | 'error'; json: string }

export function writeAnswer(answer: RpcAnswer): WrittenAnswer {
  if ('result' in answer) return { member: 'result', json: JSON.stringify(answer.result) }
  return { member: 'error', json: JSON.stringify(answer.error) }
}

/** The whole message. */
export function answerText(id: RequestId | null, { member, json }: WrittenAnswer): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"${member}":${json}}`
}
