// Which requests of a client are decided, as what, and what of them goes on to the server.
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

/** Neither act on anything of the server's nor tell more than what there is. Lists are filtered on their way back. */
const PASSED: ReadonlySet<string> = new Set([
  'initialize',
  'server/discover',
  'ping',
  'logging/setLevel',
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'prompts/list',
])

export function isPassed(method: string): boolean {
  return PASSED.has(method)
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

function located({ uri, _meta }: JsonObject): Judged | string {
  if (typeof uri !== 'string') return 'The URI must be a string.'
  return { target: uri, arguments: { uri }, params: { uri, ...metaOf(_meta) } }
}

function completed({ ref, argument, context, _meta }: JsonObject): Judged | string {
  if (!isObject(ref)) return 'The ref must be an object.'
  const target = ref['type'] === 'ref/resource' ? ref['uri'] : ref['name']
  if (typeof target !== 'string') return 'The ref must name a prompt or a resource.'
  const args = {
    ref,
    ...(argument === undefined ? {} : { argument }),
    ...(context === undefined ? {} : { context }),
  }
  return { target, arguments: args, params: { ...args, ...metaOf(_meta) } }
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
