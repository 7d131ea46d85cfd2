// What is sent on of a message that is not decided: the params that the protocol knows, as nobody judges what else a
// server would read, and `_meta`.
import type { JsonObject } from '@mcpshield/policy/facts'

const REQUESTS: Record<string, readonly string[]> = {
  initialize: ['protocolVersion', 'capabilities', 'clientInfo'],
  'server/discover': [],
  ping: [],
  'logging/setLevel': ['level'],
  'tools/list': ['cursor'],
  'resources/list': ['cursor'],
  'resources/templates/list': ['cursor'],
  'prompts/list': ['cursor'],
}

const NOTIFICATIONS: Record<string, readonly string[]> = {
  'notifications/initialized': [],
  'notifications/progress': ['progressToken', 'progress', 'total', 'message'],
  'notifications/roots/list_changed': [],
}

export function passedParams(method: string, params: JsonObject): JsonObject {
  return kept(Object.hasOwn(REQUESTS, method) ? REQUESTS[method] : undefined, params)
}

/** Undefined for a notification that does not pass: it is never answered, so that nobody would learn of a denial. */
export function passedNotification(method: string, params: JsonObject): JsonObject | undefined {
  return Object.hasOwn(NOTIFICATIONS, method) ? kept(NOTIFICATIONS[method], params) : undefined
}

function kept(keys: readonly string[] = [], params: JsonObject): JsonObject {
  const known = [...keys, '_meta'].filter((key) => Object.hasOwn(params, key))
  return Object.fromEntries(known.map((key) => [key, params[key]])) as JsonObject
}
