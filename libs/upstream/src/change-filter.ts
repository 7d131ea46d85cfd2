// Filters of change notifications, as `subscriptions/listen` takes them.
import { isObject, type Message } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'

/** Resources that one listener may subscribe to. */
const MAX_URIS = 1_000

const UPDATED = 'notifications/resources/updated'
const KINDS = [
  { flag: 'toolsListChanged', capability: 'tools', method: 'notifications/tools/list_changed' },
  { flag: 'promptsListChanged', capability: 'prompts', method: 'notifications/prompts/list_changed' },
  { flag: 'resourcesListChanged', capability: 'resources', method: 'notifications/resources/list_changed' },
] as const

/** What something that a client may know of has changed, which may be told at any time. */
export function isChange({ method }: Message): boolean {
  return method === UPDATED || KINDS.some((kind) => kind.method === method)
}

/** The kinds of list changes that are asked for and that a server of these capabilities can tell. */
export function honoredKinds(filter: JsonObject, capabilities: JsonObject): JsonObject {
  const kinds = KINDS.filter(({ flag, capability }) => {
    const offered = capabilities[capability]
    return filter[flag] === true && isObject(offered) && offered['listChanged'] === true
  })
  return Object.fromEntries(kinds.map(({ flag }) => [flag, true]))
}

export function filteredUris(filter: JsonObject): string[] {
  const uris = filter['resourceSubscriptions']
  if (!Array.isArray(uris)) return []
  return [...new Set(uris.filter((uri) => typeof uri === 'string'))].slice(0, MAX_URIS)
}

/** True when a change was asked for. */
export function isAskedFor(kinds: JsonObject, uris: Iterable<string>, { method, params }: Message): boolean {
  if (method !== UPDATED) return KINDS.some((kind) => kind.method === method && kinds[kind.flag] === true)
  const uri = params?.['uri']
  return typeof uri === 'string' && [...uris].some((each) => uri === each || isBelow(uri, each))
}

/** A server may tell of a part of what was subscribed to. */
function isBelow(uri: string, subscribed: string): boolean {
  return uri.startsWith(subscribed.endsWith('/') ? subscribed : `${subscribed}/`)
}
