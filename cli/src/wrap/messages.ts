// JSON-RPC as a client and a server of MCP speak it over standard input and output: one message on a line.
import { isUtf8 } from 'node:buffer'
import { parseStrictJson } from '@mcpshield/facts/json'
import { jsonLine } from '@mcpshield/facts/json-line'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { parseDocument } from '@mcpshield/redact/json-text'
import { isObject } from '../json-lines.ts'
import { MAX_LINE_BYTES, type Line } from '../lines.ts'

export type RequestId = string | number
export type RpcError = { code: number; message: string; data?: JsonValue }

/** What a client may say. */
export type ClientMessage =
  | { kind: 'request'; id: RequestId; method: string; params: JsonObject }
  | { kind: 'notification'; method: string; params: JsonObject | undefined }
  | { kind: 'response'; id: RequestId; answer: { result: JsonValue } | { error: JsonValue } }
  | { kind: 'invalid'; id: RequestId | null; error: RpcError }
  | { kind: 'nothing' }

export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = -32602
export const INTERNAL_ERROR = -32603
/** A method other than a tool call that the policy denies: outside the range that JSON-RPC keeps for itself. */
export const DENIED = -31403

const LIMITS = { maxLength: MAX_LINE_BYTES, maxDepth: 64 }

/** Reads a line of the client's as strictly as every other way in: what could be read in two ways is not read. */
export function readClientMessage(line: Line): ClientMessage {
  if ('tooLong' in line) return invalid(PARSE_ERROR, `The message is longer than ${MAX_LINE_BYTES} bytes.`)
  const text = line.bytes.toString('utf8')
  if (!isUtf8(line.bytes)) return invalid(PARSE_ERROR, 'The message is not UTF-8.', idOf(text))
  if (text.trim() === '') return { kind: 'nothing' }
  const parsed = parseStrictJson(text, LIMITS)
  if ('error' in parsed)
    return invalid(PARSE_ERROR, `The message is not JSON that can be judged: ${parsed.error}.`, idOf(text))
  const message = parsed.value
  if (Array.isArray(message))
    return invalid(INVALID_REQUEST, 'Batches are not accepted: send one message on a line.')
  if (!isObject(message) || message['jsonrpc'] !== '2.0')
    return invalid(INVALID_REQUEST, 'This is not a JSON-RPC 2.0 message.', idOf(text))
  return Object.hasOwn(message, 'method') ? request(message) : response(message)
}

function request(message: JsonObject): ClientMessage {
  const { id, method, params } = message
  if (typeof method !== 'string') return invalid(INVALID_REQUEST, 'The method must be a string.', id)
  if (params !== undefined && !isObject(params))
    return invalid(INVALID_REQUEST, 'The params must be an object.', id)
  if (!Object.hasOwn(message, 'id')) return { kind: 'notification', method, params }
  if (!isId(id)) return invalid(INVALID_REQUEST, 'The id must be a string or an integer.')
  return { kind: 'request', id, method, params: params ?? {} }
}

function response(message: JsonObject): ClientMessage {
  const { id, result, error } = message
  if (!isId(id) || (result === undefined) === (error === undefined))
    return invalid(INVALID_REQUEST, 'The message has neither a method nor one result or error.', id)
  return { kind: 'response', id, answer: result === undefined ? { error: error as JsonValue } : { result } }
}

function invalid(code: number, message: string, id?: JsonValue): ClientMessage {
  return { kind: 'invalid', id: isId(id) ? id : null, error: { code, message } }
}

/** The id of a message that is refused: a client that gets its own id back does not wait for ever. */
function idOf(text: string): JsonValue | undefined {
  const message = parseDocument(text) as JsonValue | undefined
  return isObject(message) && Object.hasOwn(message, 'id') ? message['id'] : undefined
}

export function isId(value: unknown): value is RequestId {
  return typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))
}

/** A message of the server's, its numbers as it wrote them; undefined for what is no message. */
export function readServerMessage(bytes: Buffer): JsonObject | undefined {
  const message = parseDocument(bytes.toString('utf8')) as JsonValue | undefined
  return isObject(message) && message['jsonrpc'] === '2.0' ? message : undefined
}

/** One line, written anew, for whatever its reader takes for the end of one. */
export function messageLine(message: object): string {
  return `${jsonLine({ jsonrpc: '2.0', ...message })}\n`
}
