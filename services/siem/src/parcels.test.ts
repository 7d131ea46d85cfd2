import { describe, expect, test } from 'vitest'
import { grouped, parcelOf } from './parcels.ts'

const ORG = '01a21f42-a7db-7187-8a54-33c49ceaf0c7'
const OTHER = '01a21f42-f3e6-767f-af2a-d16fc26a8bef'
const NULLS = [
  'project_id',
  'arguments',
  'arguments_digest',
  'facts',
  'policy_version',
  'policy_hash',
  'agent',
  'key_id',
]
const MORE_NULLS = [
  'user_id',
  'request_id',
  'trace_id',
  'approved_by',
  'outcome',
  'duration_ms',
  'rows',
  'bytes',
]
const event = (over: object = {}) => ({
  ...Object.fromEntries([...NULLS, ...MORE_NULLS, 'redactions', 'result_digest'].map((name) => [name, null])),
  id: OTHER,
  phase: 'decision',
  time: '2026-03-01T12:00:00.123Z',
  kind: 'decision',
  org_id: ORG,
  method: 'tools/call',
  tool: 'a',
  decision: 'allow',
  rule: 'r',
  reason: 'It may.',
  mode: 'enforce',
  ...over,
})
const message = (payload: unknown, subject = `audit.${ORG}._.allow`) => ({
  subject,
  id: 'an id',
  bytes: new TextEncoder().encode(typeof payload === 'string' ? payload : JSON.stringify(payload)),
  ack: () => undefined,
  working: () => undefined,
  giveBack: () => undefined,
})

describe('a message', () => {
  test('of the organisation is carried with its events', () => {
    const parcel = parcelOf(message([event(), event({ tool: 'b' })]), ORG)
    expect(parcel?.events.map(({ tool }) => tool)).toEqual(['a', 'b'])
  })

  test.for([
    ['under another organisation’s subject', message([event()], `audit.${OTHER}._.allow`)],
    ['with an event of another organisation', message([event({ org_id: OTHER })])],
    ['with one among its own', message([event(), event({ org_id: OTHER })])],
    ['that is no list', message(event())],
    ['that is no JSON', message('{')],
    ['that lacks what an event has', message([{ org_id: ORG }])],
  ] as const)('%s is not', ([, given]) => {
    expect(parcelOf(given, ORG)).toBeUndefined()
  })
})

test.for([
  [[], []],
  [
    ['aa', 'bb', 'cc'],
    [['aa', 'bb'], ['cc']],
  ],
  [
    ['aaaaaaaaaaaa', 'b'],
    [['aaaaaaaaaaaa'], ['b']],
  ],
  [
    ['aaaaa', 'bbbbb', 'c'],
    [['aaaaa', 'bbbbb'], ['c']],
  ],
  [
    ['aaaaaa', 'bbbbb', 'c'],
    [['aaaaaa'], ['bbbbb', 'c']],
  ],
] as const)('%j are sent as %j', ([texts, groups]) => {
  expect(grouped(texts, { maxCount: 2, maxBytes: 10, sizeOf: (text) => text.length })).toEqual(groups)
})
