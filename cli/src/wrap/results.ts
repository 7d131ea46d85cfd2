// What the server answers → what the client may see of it.
import type { Facts, JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import type { KeyedHash } from '@mcpshield/redact/marker'
import { redactResult } from '@mcpshield/redact/redact-result'
import { redactValue } from '@mcpshield/redact/redact-value'
import { mayShowFields, WITHHELD_COLUMNS } from '@mcpshield/redact/statement-columns'
import { isObject } from '../json-lines.ts'
import { failureResult } from './answers.ts'
import { DENIED, INTERNAL_ERROR } from './messages.ts'

export type Answer = { result: JsonValue } | { error: JsonValue }

/** The answer of a decided call, redacted, and withheld as a whole when it is larger than it may be. */
export function owedAnswer(
  method: string,
  message: JsonObject,
  obligations: Pick<Obligations, 'redact' | 'max_bytes'>,
  keyedHash: KeyedHash,
  accesses: Facts['accesses'],
): Answer {
  // What a column is called in the result is the server's to say.
  if (mayShowFields(accesses, obligations.redact)) return failed(method, DENIED, WITHHELD_COLUMNS)
  const answer = redacted(message, obligations.redact, keyedHash)
  const maxBytes = obligations.max_bytes
  if (maxBytes === undefined) return answer
  const bytes = Buffer.byteLength(JSON.stringify(answer))
  if (bytes <= maxBytes) return answer
  // Half a message would be no message.
  return failed(
    method,
    DENIED,
    `The result was withheld: it has ${bytes} bytes, and the policy lets ${maxBytes} through.`,
  )
}

function redacted(message: JsonObject, redact: Obligations['redact'], keyedHash: KeyedHash): Answer {
  const { result, error } = message
  if (isObject(result)) return { result: redactResult(result, redact, { keyedHash }).result as JsonValue }
  if (error !== undefined) return { error: redactValue(error, redact, { keyedHash }).value as JsonValue }
  return {
    error: { code: INTERNAL_ERROR, message: 'The server’s answer has neither a result nor an error.' },
  }
}

/** A failure in the form that the method's client looks at. */
export function failed(method: string, code: number, message: string): Answer {
  return method === 'tools/call' ? { result: failureResult(message) } : { error: { code, message } }
}

/** Which member of a list's result holds what, and by which method and name it would be asked for. */
const LISTS: Record<string, { member: string; method: string; name: string } | undefined> = {
  'tools/list': { member: 'tools', method: 'tools/call', name: 'name' },
  'resources/list': { member: 'resources', method: 'resources/read', name: 'uri' },
  'prompts/list': { member: 'prompts', method: 'prompts/get', name: 'name' },
}

export type Passing = {
  couldShow(method: string, name: string): boolean
  redact(value: JsonValue): JsonValue
}

/** The answer of a method that passes: lists without what no call could be allowed, handshakes without tasks. */
export function passedAnswer(method: string, message: JsonObject, { couldShow, redact }: Passing): Answer {
  const { result, error } = message
  if (!isObject(result))
    return redacted({ ...(error === undefined ? {} : { error: redact(error) }) }, [], () => '')
  if (method === 'initialize' || method === 'server/discover')
    return { result: withRedacted('instructions', withoutTasks(result), redact) }
  const list = Object.hasOwn(LISTS, method) ? LISTS[method] : undefined
  if (list === undefined) return { result }
  const listed = result[list.member]
  const isShown = (one: JsonValue) => {
    const name = isObject(one) ? one[list.name] : undefined
    return typeof name === 'string' && couldShow(list.method, name)
  }
  const shown = Array.isArray(listed) ? listed.filter(isShown) : []
  // Only prose: a name, a schema or a cursor would no longer work.
  const told = shown.map((one) => (isObject(one) ? withRedacted('description', one, redact) : one))
  return { result: { ...result, [list.member]: told } }
}

function withRedacted(member: string, value: JsonObject, redact: Passing['redact']): JsonObject {
  const text = value[member]
  return text === undefined ? value : { ...value, [member]: redact(text) }
}

/** A task's result would be fetched by itself, past the call that was decided: tasks are not offered. */
function withoutTasks(result: JsonObject): JsonObject {
  const { capabilities } = result
  if (!isObject(capabilities)) return result
  const { tasks: _, ...rest } = capabilities
  return { ...result, capabilities: rest }
}
