// Audit events for tests: valid by default, one override.
import { randomUUID } from 'node:crypto'
import { auditSubject, type AuditEvent } from '@mcpshield/contracts/audit'

export const ORG = '11111111-1111-4111-8111-111111111111'
export const OTHER_ORG = '22222222-2222-4222-8222-222222222222'
export const PROJECT = '33333333-3333-4333-8333-333333333333'

export function makeEvent(override: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: randomUUID(),
    phase: 'decision',
    time: '2026-03-01T12:00:00.123Z',
    kind: 'decision',
    org_id: ORG,
    project_id: PROJECT,
    method: 'tools/call',
    tool: 'postgres.query',
    arguments: { sql: 'SELECT name FROM customers' },
    arguments_digest: 'ab'.repeat(32),
    facts: { accesses: [{ table: 'public.customers', operation: 'read' }] },
    decision: 'allow',
    rule: 'read-customers',
    reason: 'Reads public.customers.',
    policy_version: 3,
    policy_hash: 'cd'.repeat(32),
    mode: 'enforce',
    agent: 'reporter',
    key_id: '44444444-4444-4444-8444-444444444444',
    user_id: null,
    request_id: 'request-1',
    trace_id: null,
    approved_by: null,
    outcome: null,
    duration_ms: null,
    rows: null,
    bytes: null,
    redactions: null,
    result_digest: null,
    ...override,
  }
}

/** The second event of a decision. */
export function outcomeOf(decision: AuditEvent, override: Partial<AuditEvent> = {}): AuditEvent {
  return {
    ...decision,
    phase: 'outcome',
    arguments: null,
    facts: null,
    outcome: 'ok',
    duration_ms: 12.5,
    rows: 3,
    bytes: 400,
    redactions: 1,
    result_digest: 'ef'.repeat(32),
    ...override,
  }
}

export function encode(events: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(events))
}

/** The subject all of these share. */
export function subjectOf(events: AuditEvent[]): string {
  return auditSubject(events[0]!)
}
