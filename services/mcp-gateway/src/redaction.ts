// Applies a decision's redactions to what a call gave back.
import { redactResult } from '@mcpshield/redact/redact-result'
import { redactValue } from '@mcpshield/redact/redact-value'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import type { Table } from './connectors/connector.ts'
import type { RpcAnswer } from './json-rpc.ts'

type Redactions = Obligations['redact']

/** An upstream's answer; errors are redacted like results. */
export function redactAnswer(
  answer: RpcAnswer,
  redactions: Redactions,
): { answer: RpcAnswer; count: number } {
  if (redactions.length === 0) return { answer, count: 0 }
  if ('result' in answer) {
    const { result, redactions: count, withheld } = redactResult(answer.result, redactions)
    return { answer: { result: result as JsonObject }, count: count + withheld }
  }
  const { value, count } = redactValue(answer.error as unknown as JsonValue, redactions)
  return { answer: { error: value as unknown as { code: number; message: string } }, count }
}

/** A connector's rows; a column whose source cannot be told is withheld where `fields` are redacted. */
export function redactTable(table: Table, redactions: Redactions): { table: Table; count: number } {
  if (redactions.length === 0) return { table, count: 0 }
  const options = table.sources === undefined ? {} : { sources: table.sources }
  const { value, count } = redactValue(table.rows as JsonValue, redactions, options)
  return { table: { ...table, rows: value as JsonObject[] }, count }
}
