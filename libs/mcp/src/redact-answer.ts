// A decision's redactions, applied to what a server answers, tells and asks.
import type { Facts, JsonObject } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import type { KeyedHash } from '@mcpshield/redact/marker'
import { redactResult } from '@mcpshield/redact/redact-result'
import { redactValue } from '@mcpshield/redact/redact-value'
import { mayShowFields, WITHHELD_COLUMNS } from '@mcpshield/redact/statement-columns'
import { DENIED, type Message, type RpcAnswer, type RpcError } from './messages.ts'
import { failure } from './refusal.ts'

type Redactions = Obligations['redact']

/**
 * A server's answer; errors are redacted like results. One to a statement that may show a column to be redacted is
 * withheld: what it is called in the result is the server's to say.
 */
export function redactAnswer(
  method: string,
  answer: RpcAnswer,
  redactions: Redactions,
  keyedHash: KeyedHash,
  accesses: Facts['accesses'],
): { answer: RpcAnswer; count: number } {
  if (redactions.length === 0) return { answer, count: 0 }
  if (mayShowFields(accesses, redactions))
    return { answer: failure(method, DENIED, WITHHELD_COLUMNS), count: 1 }
  if ('result' in answer) {
    const { result, redactions: count } = redactResult(answer.result, redactions, { keyedHash })
    return { answer: { result }, count }
  }
  const { value, count } = redactValue(answer.error, redactions, { keyedHash })
  return { answer: { error: value as RpcError }, count }
}

/** What a server tells or asks; without the token that says which request it belongs to. */
export function redactMessage(message: Message, redactions: Redactions, keyedHash: KeyedHash): Message {
  if (redactions.length === 0 || message.params === undefined) return message
  const { progressToken, ...rest } = message.params
  const { value } = redactValue(rest, redactions, { keyedHash })
  // A token that was changed would belong to nothing.
  const token = progressToken === undefined ? {} : { progressToken }
  return { method: message.method, params: { ...(value as JsonObject), ...token } }
}

/** Only prose: a name, a schema or a cursor would no longer work. */
const PROSE = ['description', 'title', 'instructions'] as const

/** An entry of a list, or how a server introduces itself. */
export function redactProse(entry: JsonObject, redactions: Redactions, keyedHash: KeyedHash): JsonObject {
  const prose = PROSE.filter((key) => typeof entry[key] === 'string')
  if (redactions.length === 0 || prose.length === 0) return entry
  const texts = Object.fromEntries(prose.map((key) => [key, entry[key]]))
  const { value } = redactValue(texts, redactions, { keyedHash })
  return { ...entry, ...(value as JsonObject) }
}
