// A decision's redactions, applied to what a connector gave: it knows which column each output was computed from.
import type { KeyedHash } from '@mcpshield/redact/marker'
import { redactValue } from '@mcpshield/redact/redact-value'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import type { Answer } from './connectors/connector.ts'

type Redactions = Obligations['redact']

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
