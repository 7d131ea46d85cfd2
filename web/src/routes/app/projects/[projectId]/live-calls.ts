// The newest calls as they are shown: those that are made come in, and what came of them.
import type { AuditRecord } from '@mcpshield/contracts/ingest'

/** Newest first, each call once, no more than `most`. */
export function withCall<Call extends { id: string }>(
  calls: readonly Call[],
  call: Call,
  most: number,
): Call[] {
  return [call, ...calls.filter(({ id }) => id !== call.id)].slice(0, most)
}

/** A call that is not shown stays so: its outcome tells too little of it. */
export function withOutcome<Call extends Pick<AuditRecord, 'id' | 'outcome' | 'duration_ms'>>(
  calls: readonly Call[],
  { id, outcome, duration_ms }: Pick<AuditRecord, 'id' | 'outcome' | 'duration_ms'>,
): Call[] {
  return calls.map((call) => (call.id === id ? { ...call, outcome, duration_ms } : call))
}
