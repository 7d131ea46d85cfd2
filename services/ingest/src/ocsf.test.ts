import type { AuditEvent } from '@mcpshield/contracts/audit'
import { describe, expect, test } from 'vitest'
import { makeEvent, ORG, outcomeOf } from '../test/events.ts'
import { ocsfEvent } from '@mcpshield/contracts/ocsf'

function mapped(override: Partial<AuditEvent> = {}): Record<string, unknown> {
  const { phase: _, ...record } = makeEvent(override)
  return JSON.parse(JSON.stringify(ocsfEvent(record))) as Record<string, unknown>
}

describe('an event of OCSF', () => {
  test('has what its class requires, and nothing of the record is lost', () => {
    const event = mapped({ id: ORG, facts: { accesses: [{ operation: 'read' }] } })
    expect(event).toMatchObject({
      category_uid: 6,
      class_uid: 6003,
      activity_id: 2,
      type_uid: 600_302,
      time: Date.parse('2026-03-01T12:00:00.123Z'),
      severity_id: 1,
      metadata: { version: '1.4.0', product: { name: 'MCPShield', vendor_name: 'MCPShield' }, uid: ORG },
      actor: { app_name: 'reporter' },
      api: { operation: 'postgres.query', request: { uid: 'request-1' } },
      src_endpoint: { name: 'reporter' },
      firewall_rule: { name: 'read-customers' },
    })
    const { phase: _, ...record } = makeEvent()
    const text = JSON.stringify(event)
    for (const value of [record.arguments_digest, record.policy_hash, record.project_id, record.org_id])
      expect(text).toContain(value)
    expect(event.unmapped).toMatchObject({ arguments: record.arguments, kind: 'decision' })
  })

  test.for<[string, Partial<AuditEvent>, object]>([
    ['allowed', {}, { action_id: 1, disposition_id: 1, status_id: 0 }],
    [
      'allowed and done',
      { outcome: 'ok' },
      { action_id: 1, disposition_id: 1, status_id: 1, status_code: 'ok' },
    ],
    ['allowed and failed', { outcome: 'timeout' }, { action_id: 1, disposition_id: 1, status_id: 2 }],
    ['denied', { decision: 'deny' }, { action_id: 2, disposition_id: 2, status_id: 2, severity_id: 3 }],
    [
      'denied where a project only watches',
      { decision: 'deny', mode: 'monitor', outcome: 'ok' },
      { action_id: 1, disposition_id: 17, status_id: 1 },
    ],
    ['asked about', { decision: 'ask' }, { action_id: 0, disposition_id: 14, status_id: 0, severity_id: 2 }],
    ['approved', { decision: 'ask', outcome: 'ok' }, { action_id: 1, disposition_id: 8, status_id: 1 }],
    ['reported without a decision', { kind: 'report', decision: null }, { action_id: 0, disposition_id: 0 }],
  ])('says what became of a call that was %s', ([, override, wanted]) => {
    expect(mapped(override)).toMatchObject(wanted)
  })

  test.for<[string, number]>([
    ['createKey', 1],
    ['getPolicy', 2],
    ['putPolicy', 3],
    ['deleteProject', 4],
    ['revokeKey', 4],
  ])('of the administrative act %s has the activity %d and a person, and no ruling', ([method, activity]) => {
    const event = mapped({ kind: 'admin', method, tool: `projects.${method}`, user_id: ORG })
    expect(event).toMatchObject({
      activity_id: activity,
      type_uid: 600_300 + activity,
      status_id: 1,
      actor: { user: { uid: ORG } },
      api: { operation: method, service: { name: 'projects' } },
    })
    expect(event).not.toHaveProperty('disposition_id')
  })

  test.for<[AuditEvent['facts'], number]>([
    [null, 0],
    [{ accesses: { unknown: 'why' } }, 0],
    [{ accesses: [{ operation: { unknown: 'why' } }, null, 'x', ['y']] }, 0],
    [{ accesses: [{ operation: 'read' }, { operation: 'write' }] }, 3],
    [{ accesses: [{ operation: 'schema' }] }, 99],
  ])('of a call with the facts %j has the activity %d', ([facts, activity]) => {
    expect(mapped({ facts })).toMatchObject({ activity_id: activity })
  })

  test('takes the duration of what came of it', () => {
    const { phase: _, ...record } = outcomeOf(makeEvent())
    expect(ocsfEvent(record)).toMatchObject({ duration: 13 })
  })
})
