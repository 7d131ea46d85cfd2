// Applies a decision's redactions to what a call gave back.
import type { KeyedHash } from '@mcpshield/redact/marker'
import { redactResult } from '@mcpshield/redact/redact-result'
import { redactValue } from '@mcpshield/redact/redact-value'
import { mayShowFields, WITHHELD_COLUMNS } from '@mcpshield/redact/statement-columns'
import type { Facts, JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import type { Answer } from './connectors/connector.ts'
import { failureResult } from './enforce.ts'
import type { Message, RpcAnswer, RpcError } from '@mcpshield/mcp/messages'

type Redactions = Obligations['redact']

/**
 * An upstream's answer; errors are redacted like results. One to a statement that may show a column to be redacted is
 * withheld: what it is called in the result is the upstream's to say.
 */
export function redactAnswer(
  answer: RpcAnswer,
  redactions: Redactions,
  keyedHash: KeyedHash,
  accesses: Facts['accesses'],
): { answer: RpcAnswer; count: number } {
  if (redactions.length === 0) return { answer, count: 0 }
  if (mayShowFields(accesses, redactions))
    return { answer: { result: failureResult(WITHHELD_COLUMNS) }, count: 1 }
  if ('result' in answer) {
    const { result, redactions: count } = redactResult(answer.result, redactions, { keyedHash })
    return { answer: { result }, count }
  }
  const { value, count } = redactValue(answer.error, redactions, { keyedHash })
  return { answer: { error: value as RpcError }, count }
}

/** What an upstream tells or asks on behalf of a call; the call's own redactions hold for it. */
export function redactMessage(message: Message, redactions: Redactions, keyedHash: KeyedHash): Message {
  if (redactions.length === 0 || message.params === undefined) return message
  const { progressToken, ...rest } = message.params
  const { value } = redactValue(rest, redactions, { keyedHash })
  // A token that was changed would belong to nothing.
  const token = progressToken === undefined ? {} : { progressToken }
  return { method: message.method, params: { ...(value as JsonObject), ...token } }
}

/**
 * What a connector gave. Rules about fields look at its data only; an output whose source cannot be told is
 * withheld where there are such rules.
 */
export function redactConnectorAnswer(
  answer: Answer,
  redactions: Redactions,
  keyedHash: KeyedHash,
): { answer: Answer; count: number } {
  if (redactions.length === 0) return { answer, count: 0 }
  let count = 0
  const redacted = (value: JsonValue, which: Redactions, sources?: Answer['sources']): JsonValue => {
    const done = redactValue(value, which, { keyedHash, sources })
    count += done.count
    return done.value as JsonValue
  }
  const data = Object.fromEntries(
    Object.entries(answer.data).map(([name, value]) => [name, redacted(value, redactions, answer.sources)]),
  )
  const notOfFields = redactions.filter((each) => !('fields' in each))
  const about = redacted(answer.about, notOfFields) as JsonObject
  return { answer: { ...answer, data, about }, count }
}
