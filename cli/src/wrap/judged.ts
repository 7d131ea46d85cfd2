// Which requests of a client are decided, as what, and what of them goes on to the server.
import { climbs } from '@mcpshield/facts/climbing-path'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { isObject } from '../json-lines.ts'

/** A request that the policy decides. */
export type Judged = {
  /** What the method acts on, by the server's own name of it. */
  target: string
  /** What facts are drawn from. */
  arguments: JsonObject
  /** What is sent on: only what was judged. */
  params: JsonObject
}

/**
 * Neither act on anything of the server's nor tell more than what there is; lists are filtered on their way back. With
 * the params that the protocol knows: nobody judges what else a server would read.
 */
const PASSED: Record<string, readonly string[]> = {
  initialize: ['protocolVersion', 'capabilities', 'clientInfo'],
  'server/discover': [],
  ping: [],
  'logging/setLevel': ['level'],
  'tools/list': ['cursor'],
  'resources/list': ['cursor'],
  'resources/templates/list': ['cursor'],
  'prompts/list': ['cursor'],
  'notifications/initialized': [],
  'notifications/progress': ['progressToken', 'progress', 'total', 'message'],
  'notifications/roots/list_changed': [],
}

/** What is sent on of a message that is not decided; undefined for one that must be, or is not known. */
export function passed(method: string, params: JsonObject): JsonObject | undefined {
  const keys = Object.hasOwn(PASSED, method) ? PASSED[method] : undefined
  if (keys === undefined) return undefined
  const kept = keys.filter((key) => Object.hasOwn(params, key)).map((key) => [key, params[key]])
  return { ...(Object.fromEntries(kept) as JsonObject), ...metaOf(params['_meta']) }
}

const READERS: Record<string, (params: JsonObject) => Judged | string> = {
  'tools/call': (params) => named(params, 'The name of the tool must be a string.'),
  'prompts/get': (params) => named(params, 'The name of the prompt must be a string.'),
  'resources/read': located,
  'resources/subscribe': located,
  'resources/unsubscribe': located,
  'completion/complete': completed,
}

/** How a decided request is to be judged, why it cannot be, or undefined when the method is not known. */
export function judged(method: string, params: JsonObject): Judged | string | undefined {
  return Object.hasOwn(READERS, method) ? READERS[method]?.(params) : undefined
}

function named({ name, arguments: args, _meta }: JsonObject, problem: string): Judged | string {
  if (typeof name !== 'string') return problem
  if (args !== undefined && !isObject(args)) return 'The arguments must be an object.'
  const given = args === undefined ? {} : { arguments: args }
  return { target: name, arguments: args ?? {}, params: { name, ...given, ...metaOf(_meta) } }
}

/** Rules name URIs as they are written, so that one that climbs could be within one and mean another. */
const CLIMBING = 'The URI has a path that climbs (. or ..): name the resource itself.'

function located({ uri, _meta }: JsonObject): Judged | string {
  if (typeof uri !== 'string') return 'The URI must be a string.'
  if (climbs(uri)) return CLIMBING
  return { target: uri, arguments: { uri }, params: { uri, ...metaOf(_meta) } }
}

function completed({ ref, argument, context, _meta }: JsonObject): Judged | string {
  const member = isObject(ref) ? memberOf(ref['type']) : undefined
  if (!isObject(ref) || member === undefined) return 'The ref must be of a prompt or a resource.'
  const target = ref[member]
  if (typeof target !== 'string') return 'The ref must name a prompt or a resource.'
  if (member === 'uri' && climbs(target)) return CLIMBING
  const args = {
    // Another server may look at another member than the one that was judged.
    ref: { type: ref['type'] as string, [member]: target },
    ...(argument === undefined ? {} : { argument }),
    ...(context === undefined ? {} : { context }),
  }
  return { target, arguments: args, params: { ...args, ...metaOf(_meta) } }
}

function memberOf(type: JsonValue | undefined): 'uri' | 'name' | undefined {
  if (type === 'ref/resource') return 'uri'
  return type === 'ref/prompt' ? 'name' : undefined
}

/** The protocol's own: progress, and what the stateless revisions say with each request. */
const META = [
  'progressToken',
  'io.modelcontextprotocol/protocolVersion',
  'io.modelcontextprotocol/clientInfo',
  'io.modelcontextprotocol/clientCapabilities',
  'io.modelcontextprotocol/logLevel',
]

function metaOf(meta: JsonValue | undefined): { _meta?: JsonObject } {
  if (!isObject(meta)) return {}
  const kept = Object.entries(meta).filter(([key]) => META.includes(key))
  return kept.length === 0 ? {} : { _meta: Object.fromEntries(kept) }
}
