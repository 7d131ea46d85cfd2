import { describe, expect, test } from 'vitest'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { framed, syslogMessage } from './syslog-message.ts'

const ID = '01a21f42-a7db-7187-8a54-33c49ceaf0c7'
const event = (over: Partial<AuditEvent> = {}): AuditEvent => ({
  id: ID,
  phase: 'decision',
  time: '2026-03-01T12:00:00.123Z',
  kind: 'decision',
  org_id: ID,
  project_id: ID,
  method: 'tools/call',
  tool: 'postgres.query',
  arguments: { sql: 'select 1' },
  arguments_digest: null,
  facts: null,
  decision: 'allow',
  rule: 'reads',
  reason: 'It reads.',
  policy_version: 1,
  policy_hash: null,
  mode: 'enforce',
  agent: null,
  key_id: null,
  user_id: null,
  request_id: null,
  trace_id: null,
  approved_by: null,
  outcome: null,
  duration_ms: null,
  rows: null,
  bytes: null,
  redactions: null,
  result_digest: null,
  ...over,
})

const bodyOf = (message: string) =>
  JSON.parse(message.slice(message.indexOf('] ') + 2)) as Record<string, unknown>

describe('a message of syslog', () => {
  test('has the header of RFC 5424 and the event in OCSF', () => {
    const message = syslogMessage(event(), 8_192)
    const header =
      '<110>1 2026-03-01T12:00:00.123Z mcpshield mcpshield - allow [origin software="MCPShield"] {'
    expect(message.startsWith(header)).toBe(true)
    expect(bodyOf(message)).toMatchObject({ class_uid: 6003, metadata: { uid: ID, event_code: 'decision' } })
  })

  test.for([
    ['a denial', { decision: 'deny' }, 108, 'deny'],
    ['a denial that is only watched', { decision: 'deny', mode: 'monitor' }, 109, 'deny'],
    ['a question', { decision: 'ask' }, 109, 'ask'],
    ['an allowance', { decision: 'allow' }, 110, 'allow'],
    ['an outcome', { decision: 'allow', phase: 'outcome', outcome: 'ok' }, 110, 'outcome'],
    ['an act of administration', { kind: 'admin' }, 110, 'admin'],
    ['a report', { kind: 'report', decision: null }, 110, 'report'],
  ] as const)('%s has its severity and its class', ([, over, priority, messageId]) => {
    const message = syslogMessage(event(over), 8_192)
    expect(message).toMatch(new RegExp(`^<${priority}>1 \\S+ mcpshield mcpshield - ${messageId} \\[`))
  })

  test('is printable ASCII without a line break, whatever the event says, and says it', () => {
    const agent = 'Größe\n\u0000\u007f 🛡 ] "\\ <1>1 - - -'
    const message = syslogMessage(event({ agent, tool: '\r\n<0>1 forged' }), 8_192)
    expect(message).toMatch(/^[\x20-\x7e]+$/)
    expect(bodyOf(message)).toMatchObject({
      src_endpoint: { name: agent },
      api: { operation: '\r\n<0>1 forged' },
    })
  })

  test('is counted in bytes', () => {
    const message = syslogMessage(event(), 8_192)
    expect(framed(message)).toBe(`${Buffer.byteLength(message)} ${message}`)
    expect(framed('ü')).toBe('2 ü')
  })

  test.for<[string, Partial<AuditEvent>]>([
    ['arguments', { arguments: { sql: 'x'.repeat(9_000) } }],
    ['facts', { arguments: 'y'.repeat(9_000), facts: { accesses: ['x'.repeat(9_000)] } }],
    ['a reason', { reason: 'é'.repeat(9_000) }],
    [
      'names',
      {
        tool: 'é'.repeat(9_000),
        rule: 'r'.repeat(9_000),
        agent: 'a'.repeat(9_000),
        method: 'm'.repeat(9_000),
      },
    ],
    [
      'everything',
      {
        tool: 't'.repeat(9_000),
        reason: 'r'.repeat(9_000),
        arguments: 'a'.repeat(9_000),
        request_id: 'i'.repeat(9_000),
        trace_id: 'j'.repeat(9_000),
      },
    ],
  ])('with large %s fits all the same, and is whole JSON', ([, over]) => {
    const message = syslogMessage(event(over), 4_096)
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(4_096)
    expect(bodyOf(message)).toMatchObject({ metadata: { uid: ID } })
  })
})
