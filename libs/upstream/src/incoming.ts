// What a server says, message by message: read as far as it has a form that we know, else ignored.
import { isObject, rpcError, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'

/** The method and params of a request or notification; undefined when it is none. */
export function messageOf({ method, params }: JsonObject): Message | undefined {
  if (typeof method !== 'string') return undefined
  if (params === undefined) return { method }
  return isObject(params) ? { method, params } : undefined
}

/** The answer in a response; undefined when it has neither a result nor an error. */
export function answerOf(message: JsonObject): RpcAnswer | undefined {
  const { result, error } = message
  if (isObject(result)) return { result }
  return isObject(error) ? { error: rpcError(error) } : undefined
}

/** A response to the request with this id. An error may come without an id; a result is only ours when it says so. */
export function answerTo(id: number, message: JsonObject | undefined): RpcAnswer | undefined {
  if (message === undefined || message['method'] !== undefined) return undefined
  const theirs: JsonValue | undefined = message['id']
  if (theirs === id) return answerOf(message)
  return (theirs === undefined || theirs === null) && isObject(message['error'])
    ? { error: rpcError(message['error']) }
    : undefined
}

/** What a client says to servers of the legacy era alone. Ids in it mean something else to the server than to the client. */
const LEGACY_ALONE = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
])

export function isLegacyAlone(method: string): boolean {
  return LEGACY_ALONE.has(method)
}
