// An administrative change in the audit trail: its event goes into the outbox in the transaction of the change.
// Arguments are named one by one by each use case, so that no secret gets in by accident; what detectors find in
// them is masked all the same.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { SignedIn } from '@mcpshield/contracts/rights'
import { redactValue } from '@mcpshield/redact/redact-value'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'
import { enqueue } from './outbox.ts'

export type AdminChange = {
  /** Whose endpoint: the service's name. */
  service: string
  /** The endpoint's name, as in the contract. */
  method: string
  /** Null for a change of the organisation's own. */
  projectId: string | null
  /** What happened, as a sentence. */
  reason: string
  arguments: Record<string, AuditEvent['arguments']>
  policy?: { version: number; hash: string }
}

/** The topic under which a service's relay finds administrative events. */
export const AUDIT_TOPIC = 'audit'

/** Who changed it: a person, or nobody who is signed in; then `role` says whose word it was. */
export type Actor = Pick<SignedIn, 'org_id'> & { user_id: string | null; role: string }

/** Puts the audit event of a change into its transaction. */
export function recordChange(
  em: EntityManager,
  by: { caller: Actor; requestId: string },
  change: AdminChange,
  now: Date,
): void {
  const event = adminEvent(by, change, now)
  enqueue(em, AUDIT_TOPIC, event.id, event)
}

function adminEvent(
  { caller, requestId }: { caller: Actor; requestId: string },
  change: AdminChange,
  now: Date,
): AuditEvent {
  return {
    id: randomUUIDv7(),
    phase: 'decision',
    time: now.toISOString(),
    kind: 'admin',
    org_id: caller.org_id,
    project_id: change.projectId,
    method: change.method,
    tool: `${change.service}.${change.method}`,
    arguments: redactValue(change.arguments, DEFAULT_REDACTIONS, { keyedHash: () => '' })
      .value as AuditEvent['arguments'],
    arguments_digest: null,
    facts: null,
    decision: 'allow',
    rule: caller.role,
    reason: change.reason,
    policy_version: change.policy?.version ?? null,
    policy_hash: change.policy?.hash ?? null,
    mode: 'enforce',
    agent: null,
    key_id: null,
    user_id: caller.user_id,
    request_id: requestId,
    trace_id: null,
    approved_by: null,
    outcome: 'ok',
    duration_ms: null,
    rows: null,
    bytes: null,
    redactions: null,
    result_digest: null,
  }
}
