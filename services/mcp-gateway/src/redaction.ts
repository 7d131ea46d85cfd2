// Applies a decision's redactions to what a call gave back.
import type { KeyedHash } from '@mcpshield/redact/marker'
import { redactResult } from '@mcpshield/redact/redact-result'
import { redactValue } from '@mcpshield/redact/redact-value'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import type { Table } from './connectors/connector.ts'
import type { RpcAnswer, RpcError } from './json-rpc.ts'

type Redactions = Obligations['redact']

/** An upstream's answer; errors are redacted like results. */
export function redactAnswer(
  answer: RpcAnswer,
  redactions: Redactions,
  keyedHash: KeyedHash,
): { answer: RpcAnswer; count: number } {
  if (redactions.length === 0) return { answer, count: 0 }
  if ('result' in answer) {
    const { result, redactions: count } = redactResult(answer.result, redactions, { keyedHash })
    return { answer: { result }, count }
  }
  const { value, count } = redactValue(answer.error, redactions, { keyedHash })
  return { answer: { error: value as RpcError }, count }
}

/** A connector's rows; a column whose source cannot be told is withheld where `fields` are redacted. */
export function redactTable(
  table: Table,
  redactions: Redactions,
  keyedHash: KeyedHash,
): { table: Table; count: number } {
  if (redactions.length === 0) return { table, count: 0 }
  const { value, count } = redactValue(table.rows, redactions, { keyedHash, sources: table.sources })
  return { table: { ...table, rows: value as JsonObject[] }, count }
}
