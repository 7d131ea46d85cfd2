// Pure: an administrative change → its audit event. Arguments are named one by one by each use case, so that
// no secret gets in by accident; what detectors find in them is masked all the same.
import { randomUUIDv7 } from 'node:crypto'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { redactValue } from '@mcpshield/redact/redact-value'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'
import type { Person } from './access.ts'

export type AdminChange = {
  /** The endpoint's name, as in the contract. */
  method: string
  /** Null for a change of the organisation's own. */
  projectId: string | null
  /** What happened, as a sentence. */
  reason: string
  arguments: Record<string, AuditEvent['arguments']>
  policy?: { version: number; hash: string }
}

export function adminEvent(person: Person, change: AdminChange, now: Date): AuditEvent {
  return {
    id: randomUUIDv7(),
    phase: 'decision',
    time: now.toISOString(),
    kind: 'admin',
    org_id: person.orgId,
    project_id: change.projectId,
    method: change.method,
    tool: `projects.${change.method}`,
    arguments: redactValue(change.arguments, DEFAULT_REDACTIONS, { keyedHash: () => '' })
      .value as AuditEvent['arguments'],
    arguments_digest: null,
    facts: null,
    decision: 'allow',
    rule: person.role,
    reason: change.reason,
    policy_version: change.policy?.version ?? null,
    policy_hash: change.policy?.hash ?? null,
    mode: 'enforce',
    agent: null,
    key_id: null,
    user_id: person.userId,
    request_id: person.requestId,
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
