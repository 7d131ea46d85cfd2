// The messages and revisions of MCP, as every part of ours speaks of them.
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'

/** `legacy`: revisions that begin with `initialize` (up to 2025-11-25). `modern`: each request stands alone (2026-07-28). */
export type Era = 'legacy' | 'modern'

export const MODERN_VERSION = '2026-07-28'
/** Newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const

export type RequestId = string | number

/** A request or notification without its id. */
export type Message = { method: string; params?: JsonObject }

export type RpcError = { code: number; message: string; data?: JsonValue }
export type RpcAnswer = { result: JsonObject } | { error: RpcError }

export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = -32602
export const INTERNAL_ERROR = -32603
/** Of the modern era: a header says something else than the body. */
export const HEADER_MISMATCH = -32020
/** Of the modern era: the client cannot do what the request needs. */
export const MISSING_CAPABILITY = -32021
export const UNSUPPORTED_VERSION = -32022
/** Of revisions up to 2025-11-25; the modern era says INVALID_PARAMS. */
export const RESOURCE_NOT_FOUND = -32002
/** A method other than a tool call that the policy denies: outside the range that JSON-RPC keeps for itself. */
export const DENIED = -31403

/** What a request of the modern era says of itself, in `_meta`. */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isId(value: unknown): value is RequestId {
  return typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))
}

/** `_meta` of a message's params or of a result; empty when it has none. */
export function metaOf(holder: JsonObject | undefined): JsonObject {
  const meta = holder?.['_meta']
  return isObject(meta) ? meta : {}
}

/** An error that another program answered, as far as it is one. */
export function rpcError(error: JsonObject): RpcError {
  const { code, message, data } = error
  return {
    code: typeof code === 'number' && Number.isInteger(code) ? code : INTERNAL_ERROR,
    message: typeof message === 'string' ? message : 'The upstream failed without saying why.',
    ...(data === undefined ? {} : { data }),
  }
}
