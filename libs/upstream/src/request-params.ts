// What a request's `_meta` says to a server of each era, and the text of messages. A client's progress token is replaced
// by the request's own id: no two requests of one server can get each other's progress.
import {
  isObject,
  META,
  metaOf,
  MODERN_VERSION,
  type RequestId,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'

/** `_meta` of a request in the modern era that says nothing of its client itself. */
export function modernMeta(clientInfo: JsonObject, capabilities: JsonObject): JsonObject {
  return {
    [META.protocolVersion]: MODERN_VERSION,
    [META.clientInfo]: clientInfo,
    [META.clientCapabilities]: capabilities,
  }
}

export function modernParams(params: JsonObject, id: number, meta: JsonObject): JsonObject {
  if (params['_meta'] === undefined) return { ...params, _meta: meta }
  const given = metaOf(params)
  const progressToken = given['progressToken'] === undefined ? {} : { progressToken: id }
  return {
    ...params,
    _meta: { ...meta, ...given, [META.protocolVersion]: MODERN_VERSION, ...progressToken },
  }
}

/** Without what the modern era keeps in `_meta`: a server of the legacy era was told it by `initialize`. */
export function legacyParams(params: JsonObject, id: number): JsonObject {
  if (!isObject(params['_meta'])) return params
  const {
    [META.protocolVersion]: _version,
    [META.clientInfo]: _info,
    [META.clientCapabilities]: _capabilities,
    [META.logLevel]: _level,
    ...meta
  } = params['_meta']
  return { ...params, _meta: meta['progressToken'] === undefined ? meta : { ...meta, progressToken: id } }
}

/** Unique in the process, so that one upstream's requests are, whichever client they are for. */
export function nextRequestId(): number {
  return nextId++
}

let nextId = 1

export function requestText(id: number, method: string, params: JsonObject): string {
  return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${JSON.stringify(params)}}`
}

export function notificationText(method: string, params: JsonObject | undefined): string {
  return JSON.stringify({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) })
}

export function replyText(id: RequestId, answer: RpcAnswer): string {
  return JSON.stringify({ jsonrpc: '2.0', id, ...answer })
}
