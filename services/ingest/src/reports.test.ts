import fc from 'fast-check'
import { AuditEvent } from '@mcpshield/contracts/audit'
import { redactValue } from '@mcpshield/redact/redact-value'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'
import { expect, test } from 'vitest'
import { ORG, OTHER_ORG, PROJECT } from '../test/events.ts'
import { checkTimes, reportedRecord, reportId } from './reports.ts'

const reporter = { kind: 'key', key_id: ORG, project_id: PROJECT, org_id: ORG, digest: 'd' } as const
const event = { event_id: ORG, type: 'api_call', tool: 't', timestamp: '2026-03-01T12:00:00Z' } as const

test('a report’s id is a UUID of version 8, its own for each event of each project', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), (project, id) => {
      const made = reportId(project, id)
      expect(made).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(reportId(project, id.toUpperCase())).toBe(made)
      expect([id, project]).not.toContain(made)
    }),
  )
  expect(reportId(PROJECT, ORG)).not.toBe(reportId(OTHER_ORG, ORG))
  expect(reportId(PROJECT, ORG)).not.toBe(reportId(PROJECT, OTHER_ORG))
})

test('a record is one whatever the metadata holds, and secrets are not in it', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (metadata) => {
      const { record } = reportedRecord({ ...event, metadata } as never, ORG, reporter, '')
      expect(AuditEvent.safeParse(record).success).toBe(true)
    }),
  )
  const secret = 'ada.lovelace@example.com'
  const metadata = { deep: [{ note: `token ${secret}` }], [secret]: 1 }
  const { record } = reportedRecord({ ...event, tool: secret, rule: secret, metadata }, ORG, reporter, '')
  expect(JSON.stringify(record)).not.toContain(secret)
})

test('what is recorded of metadata is what redaction makes of the whole', () => {
  const member = fc.oneof(fc.jsonValue(), fc.emailAddress(), fc.constant('4111 1111 1111 1111'), fc.integer())
  const names = fc.oneof(fc.string(), fc.emailAddress(), fc.constantFrom('password', 'phone', '__proto__'))
  fc.assert(
    fc.property(fc.dictionary(names, member, { noNullPrototype: true }), (metadata) => {
      const { record } = reportedRecord({ ...event, metadata } as never, ORG, reporter, '')
      const whole = redactValue(metadata, DEFAULT_REDACTIONS, { keyedHash: () => '' }).value
      expect(JSON.stringify(record.arguments)).toBe(JSON.stringify(whole))
    }),
  )
})

test('long texts are clipped, and too much metadata is refused by its path', () => {
  const long = reportedRecord({ ...event, metadata: { text: 'x'.repeat(100_000) } }, ORG, reporter, '').record
  expect(JSON.stringify(long.arguments).length).toBeLessThan(9_000)
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`n${at}`, 'x'.repeat(8_000)]))
  expect(() => reportedRecord({ ...event, metadata: many }, ORG, reporter, 'events.2.')).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      details: { errors: [expect.objectContaining({ path: 'events.2.metadata' })] },
    }) as Error,
  )
})

test('times are taken from 90 days ago to 5 minutes ahead, to the millisecond', () => {
  const nowMs = Date.parse('2026-03-15T12:00:00Z')
  const at = (ms: number) => [{ ...event, timestamp: new Date(ms).toISOString() }]
  const check = (ms: number) => () => checkTimes(at(ms), nowMs, () => '')
  expect(check(nowMs + 300_000)).not.toThrow()
  expect(check(nowMs + 300_001)).toThrow()
  expect(check(nowMs - 90 * 86_400_000)).not.toThrow()
  expect(check(nowMs - 90 * 86_400_000 - 1)).toThrow()
})
