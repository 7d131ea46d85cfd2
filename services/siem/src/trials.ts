// One event that says it is a test, sent to a forwarder's destination beside everything else.
import { randomUUIDv7 } from 'node:crypto'
import type { Call } from '@mcpshield/bus/rpc'
import { auditSubject, type AuditEvent } from '@mcpshield/contracts/audit'
import type { Trial } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import type { FeedRow } from './entities.ts'
import { wordsOf } from './feed.ts'
import type { Target } from './target.ts'

/** Opens the place of a forwarder. */
export type OpenForwarder = (row: FeedRow, signal: AbortSignal) => Promise<Target>

const WITHIN_MS = 20_000

export async function tryForwarder(open: OpenForwarder, row: FeedRow, call: Call, now: Date): Promise<Trial> {
  const event = testEvent(row, call, now)
  const bytes = new TextEncoder().encode(JSON.stringify([event]))
  const parcel = { subject: auditSubject(event), id: event.id, bytes, events: [event] }
  const signal = AbortSignal.timeout(WITHIN_MS)
  const startedMs = performance.now()
  const ended = (ok: boolean, detail: string) => ({
    ok,
    detail,
    duration_ms: Math.round(performance.now() - startedMs),
  })
  try {
    await using target = await open(row, signal)
    await target.deliver([parcel], signal)
    return ended(true, 'It took the event.')
  } catch (error) {
    return ended(false, wordsOf(error))
  }
}

function testEvent({ org_id, name }: FeedRow, call: Call, now: Date): AuditEvent {
  const { user_id, role } = signedIn(call.caller)
  return {
    id: randomUUIDv7(),
    phase: 'decision',
    time: now.toISOString(),
    kind: 'admin',
    org_id,
    project_id: null,
    method: 'testSiemForwarder',
    tool: 'siem.testSiemForwarder',
    arguments: {},
    arguments_digest: null,
    facts: null,
    decision: 'allow',
    rule: role,
    reason: `A test of the SIEM forwarder ${name}; it is in no record.`,
    policy_version: null,
    policy_hash: null,
    mode: 'enforce',
    agent: null,
    key_id: null,
    user_id,
    request_id: call.requestId,
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
