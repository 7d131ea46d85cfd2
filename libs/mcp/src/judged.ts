// Which requests of a client are decided, as what, and what of them goes on to a server: nothing that was not judged,
// except `_meta`, which is the protocol's and its extensions'.
import { climbs } from '@mcpshield/facts/climbing-path'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { isObject } from './messages.ts'

/** A request as the policy decides it. */
export type Judged = {
  /** The method that rules name: one for what both eras do by different methods. */
  method: string
  /** What the method acts on, by the server's own name of it: `upstream/<target>` is what rules name. */
  target: string
  /** What facts are drawn from. */
  arguments: JsonObject
  /** What is sent on. */
  params: JsonObject
}

/** Handshakes, ping, lists, and how much a server should log: they act on nothing and tell only what there is. */
const UNDECIDED = new Set([
  'initialize',
  'server/discover',
  'ping',
  'logging/setLevel',
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'prompts/list',
])

export function isDecided(method: string): boolean {
  return !UNDECIDED.has(method)
}

const READERS: Record<string, (params: JsonObject) => Omit<Judged, 'method'> | string> = {
  'tools/call': (params) => named(params, 'The name of the tool must be a string.'),
  'prompts/get': (params) => named(params, 'The name of the prompt must be a string.'),
  'resources/read': located,
  'resources/subscribe': located,
  'resources/unsubscribe': located,
  'completion/complete': completed,
}

/**
 * How a request is judged, or why it cannot be. A method that is not known here is judged by its own name, with all of
 * its params as arguments.
 */
export function judged(method: string, params: JsonObject): Judged | string {
  const reader = Object.hasOwn(READERS, method) ? READERS[method] : undefined
  if (reader === undefined) {
    const { _meta, ...args } = params
    return { method, target: method, arguments: args, params }
  }
  const read = reader(params)
  return typeof read === 'string' ? read : { method, ...read }
}

function named(
  { name, arguments: args, ...rest }: JsonObject,
  problem: string,
): Omit<Judged, 'method'> | string {
  if (typeof name !== 'string') return problem
  if (args !== undefined && !isObject(args)) return 'The arguments must be an object.'
  const given = args === undefined ? {} : { arguments: args }
  return { target: name, arguments: args ?? {}, params: { name, ...given, ...carried(rest) } }
}

/** Rules name URIs as they are written, so that one that climbs could be within one and mean another. */
const CLIMBING = 'The URI has a path that climbs (. or ..): name the resource itself.'

function located({ uri, ...rest }: JsonObject): Omit<Judged, 'method'> | string {
  if (typeof uri !== 'string') return 'The URI must be a string.'
  if (climbs(uri)) return CLIMBING
  return { target: uri, arguments: { uri }, params: { uri, ...carried(rest) } }
}

function completed({ ref, argument, context, _meta }: JsonObject): Omit<Judged, 'method'> | string {
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
  return { target, arguments: args, params: { ...args, ...(_meta === undefined ? {} : { _meta }) } }
}

function memberOf(type: JsonValue | undefined): 'uri' | 'name' | undefined {
  if (type === 'ref/resource') return 'uri'
  return type === 'ref/prompt' ? 'name' : undefined
}

/** What the protocol lets a request carry beside what it acts on: answers to a server's questions, and a task's terms. */
const CARRIED = ['_meta', 'inputResponses', 'requestState', 'task'] as const

function carried(rest: JsonObject): JsonObject {
  const kept = CARRIED.filter((key) => Object.hasOwn(rest, key)).map((key) => [key, rest[key]])
  return Object.fromEntries(kept) as JsonObject
}
