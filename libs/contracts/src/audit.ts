// The record of a decision and of what came of it. The fields and their order are fixed: a later version
// signs them. One decision is one id; its phases share the id and readers see one record.
import { z } from 'zod'
import { DecisionName } from './decision.ts'
import { Id, Time } from './values.ts'

export const Outcome = z.enum(['ok', 'error', 'cut', 'timeout', 'cancelled'])

export const AuditEvent = z.object({
  id: Id,
  phase: z.enum(['decision', 'outcome']),
  /** Of the decision, in both phases, so that both lie together. */
  time: Time,
  kind: z.enum(['decision', 'report', 'admin']),
  org_id: Id,
  project_id: Id.nullable(),
  method: z.string(),
  tool: z.string(),
  /** Redacted by the default detectors always. */
  arguments: z.json().nullable(),
  /** Keyed (HMAC-SHA-256, hex) digest of the arguments as they were. */
  arguments_digest: z.string().nullable(),
  /** What the call touched. */
  facts: z.json().nullable(),
  /** Null only of a report that tells of none. */
  decision: DecisionName.nullable(),
  rule: z.string(),
  reason: z.string(),
  policy_version: z.int().nullable(),
  policy_hash: z.string().nullable(),
  mode: z.enum(['enforce', 'monitor']),
  agent: z.string().nullable(),
  key_id: Id.nullable(),
  user_id: Id.nullable(),
  request_id: z.string().nullable(),
  trace_id: z.string().nullable(),
  approved_by: Id.nullable(),
  outcome: Outcome.nullable(),
  duration_ms: z.number().nullable(),
  rows: z.int().nullable(),
  bytes: z.int().nullable(),
  redactions: z.int().nullable(),
  result_digest: z.string().nullable(),
  /** Of a report: the decision of ours that the client says it is about. */
  decision_id: Id.optional(),
})
export type AuditEvent = z.infer<typeof AuditEvent>

/** Last token of an audit subject. */
export type AuditClass = 'allow' | 'deny' | 'ask' | 'outcome' | 'report' | 'admin'
export const AUDIT_CLASSES = [
  'allow',
  'deny',
  'ask',
  'outcome',
  'report',
  'admin',
] as const satisfies AuditClass[]

/** `audit.<org>.<project or _>.<class>`. */
export function auditSubject(event: AuditEvent): string {
  const decided = event.kind === 'decision' ? event.decision : event.kind
  const last = event.phase === 'outcome' ? 'outcome' : (decided ?? 'report')
  return `audit.${event.org_id}.${event.project_id ?? '_'}.${last}`
}
