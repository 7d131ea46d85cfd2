import { describe, expect, test } from 'vitest'
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { isReplayable, replay } from './replay.ts'

const POLICY = `version: 1
default: deny
rules:
  - id: no-salaries
    tool: "postgres.query"
    decision: deny
    conditions: { resources: ["hr.*"] }
  - id: nightly
    tool: "postgres.query"
    decision: allow
    conditions: { operations: [read], resources: ["public.*"], key: ["nightly-*"] }
    limits: { max_rows: 10 }
`
const policies = { policy: POLICY, above: null, environment: 'dev' }
const key = { name: 'nightly-report', labels: [] }

const record = (resource: string, more: object = {}) =>
  ({
    kind: 'decision',
    policy_version: 3,
    method: 'tools/call',
    tool: 'postgres.query',
    time: '2026-11-27T10:00:00.000Z',
    agent: null,
    key_id: 'k',
    arguments: { sql: `select * from ${resource}` },
    facts: {
      paths: [],
      urls: [],
      accesses: [{ connection: 'shop', operation: 'read', resource, fields: ['id'], functions: [] }],
    },
    ...more,
  }) as unknown as AuditRecord

describe('a recorded call by the policy of its time', () => {
  test('is decided as it was, with every rule that was looked at', () => {
    expect(replay(record('public.orders'), key, policies)).toMatchObject({
      decision: 'allow',
      rule: 'nightly',
      isPartly: false,
      obligations: { max_rows: 10 },
      trace: [
        { rule: 'no-salaries', outcome: 'passed' },
        { rule: 'nightly', outcome: 'decided' },
      ],
    })
    expect(replay(record('hr.salaries'), key, policies)).toMatchObject({
      decision: 'deny',
      rule: 'no-salaries',
    })
  })

  test('is under the organisation’s policy first', () => {
    const above = `version: 1
rules:
  - { id: no-orders, tool: "*", decision: deny, conditions: { resources: ["public.orders"] } }
`
    expect(replay(record('public.orders'), key, { ...policies, above })).toMatchObject({
      decision: 'deny',
      rule: 'organization/no-orders',
    })
  })

  test('is unknown where the record hides something, and says so', () => {
    const hidden = replay(record('[redacted:email]'), key, policies)
    expect(hidden).toMatchObject({ decision: 'deny', rule: 'no-salaries', isPartly: true })
    expect(replay(record('public.orders'), undefined, policies).isPartly).toBe(true)
    const args = replay(record('public.orders', { arguments: { a: ['[hash:abc]'] } }), key, policies)
    expect(args).toMatchObject({ decision: 'allow', isPartly: true })
  })

  test('is not gone through without a policy or facts', () => {
    expect(isReplayable(record('a'))).toBe(true)
    expect(isReplayable(record('a', { policy_version: null }))).toBe(false)
    expect(isReplayable(record('a', { facts: null }))).toBe(false)
    expect(isReplayable(record('a', { kind: 'report' }))).toBe(false)
  })

  test('says so when the policy cannot be read', () => {
    expect(() => replay(record('a'), key, { ...policies, policy: 'version: 9' })).toThrow(/not valid/)
  })
})
