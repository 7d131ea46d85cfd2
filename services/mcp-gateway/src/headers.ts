// What headers say of a message, read as strictly as the body: of two readings another program might believe the other.
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { HEADER_MISMATCH, type RpcError } from '@mcpshield/mcp/messages'
import type { Request } from '@mcpshield/mcp/json-rpc'

/** Headers that decide who asks, what is read and as what. Mcp-Param-* too. */
const ONCE = new Set([
  'host',
  'origin',
  'authorization',
  'x-api-key',
  'content-type',
  'content-encoding',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'last-event-id',
])
const PARAM = 'mcp-param-'

/** A header of those that must come once, and came more often. */
export function repeatedHeader(headers: IncomingHttpHeaders, rawHeaders: string[]): string | undefined {
  let names = 0
  for (const _ in headers) names++
  // Node has one entry for a name, however often it came.
  if (names * 2 === rawHeaders.length) return undefined
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    if (!ONCE.has(name) && !name.startsWith(PARAM)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

/** A header that is there once; undefined when it is absent. */
export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** Exactly application/json, in UTF-8. */
export function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true
  const [type = '', ...parameters] = (contentType ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/json') return false
  return parameters.every((each) => {
    const [name = '', value = ''] = each.trim().toLowerCase().split('=')
    return name !== 'charset' || /^"?utf-8"?$/.test(value)
  })
}

/** Whether a media type is named, and not only covered by a wildcard. */
export function accepts(accept: string | undefined, mediaType: string): boolean {
  if (accept === undefined || !accept.toLowerCase().includes(mediaType)) return false
  return accept.split(',').some((each) => {
    const [type = '', ...parameters] = each.split(';').map((part) => part.trim().toLowerCase())
    return type === mediaType && !parameters.some((parameter) => /^q=0(\.0{0,3})?$/.test(parameter))
  })
}

/** Which member of the params Mcp-Name says again. */
const NAMED_BY: Record<string, string> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** What Mcp-Method and Mcp-Name must say of a request of the modern era; null when they do. */
export function mirrorProblem(headers: IncomingHttpHeaders, { method, params }: Request): RpcError | null {
  const said = header(headers, 'mcp-method')
  if (said === undefined) return mismatch('The header Mcp-Method is missing.')
  if (said !== method) return mismatch('The header Mcp-Method is not the method of the body.')
  const member = Object.hasOwn(NAMED_BY, method) ? NAMED_BY[method] : undefined
  const name = member === undefined ? undefined : params[member]
  // Params that lack it, or have something else there, are refused as such later.
  if (typeof name !== 'string') return null
  const named = header(headers, 'mcp-name')
  if (named === undefined) return mismatch('The header Mcp-Name is missing.')
  const decoded = decodedValue(named)
  if (decoded === undefined) return mismatch('The header Mcp-Name cannot be decoded.')
  return decoded === name ? null : mismatch(`The header Mcp-Name is not the ${member} of the body.`)
}

const NONE: Record<string, string> = Object.freeze({})

/** Mcp-Param-* by the rest of their names; a problem when one cannot be decoded. */
export function paramHeaders(headers: IncomingHttpHeaders): { params: Record<string, string> } | RpcError {
  let params = NONE
  for (const name in headers) {
    if (!name.startsWith(PARAM)) continue
    const decoded = decodedValue(String(headers[name]))
    if (decoded === undefined) return mismatch(`The header ${name} cannot be decoded.`)
    // Without a prototype: any name may come.
    if (params === NONE) params = Object.create(null) as Record<string, string>
    params[name.slice(PARAM.length)] = decoded
  }
  return { params }
}

const SENTINEL = /^=\?base64\?(.*)\?=$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const PLAIN = /^[\t\x20-\x7e]*$/

/** A mirrored value as the body has it; undefined when it is not one that a client may send. */
function decodedValue(value: string): string | undefined {
  if (!PLAIN.test(value)) return undefined
  const encoded = SENTINEL.exec(value)?.[1]
  if (encoded === undefined) return value
  if (!BASE64.test(encoded)) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  // Bits left over in the last letter would be a second spelling of the same value.
  return bytes.toString('base64') === encoded && isUtf8(bytes) ? bytes.toString() : undefined
}

function mismatch(message: string): RpcError {
  return { code: HEADER_MISMATCH, message }
}
