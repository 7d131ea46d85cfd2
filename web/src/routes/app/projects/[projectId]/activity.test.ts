import { describe, expect, test } from 'vitest'
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { barsOf, failuresIn, spanOf } from './activity.ts'
import { withCall, withOutcome } from './live-calls.ts'

const record = (changes: Partial<AuditRecord>): AuditRecord =>
  ({
    id: crypto.randomUUID(),
    time: '2026-11-27T10:30:00.000Z',
    kind: 'decision',
    tool: 'github/create_issue',
    decision: 'allow',
    rule: 'r',
    reason: 'because',
    agent: 'bot',
    outcome: null,
    duration_ms: null,
    ...changes,
  }) as AuditRecord

describe('a span of time', () => {
  const now = new Date('2026-11-27T10:30:00.000Z')
  test('of 24 hours begins at a full hour, one of days at midnight in UTC', () => {
    expect(spanOf('24h', now).from).toBe('2026-11-26T11:00:00.000Z')
    expect(spanOf('7d', now)).toMatchObject({ name: '7d', bars: 7, from: '2026-11-21T00:00:00.000Z' })
  })
  test('that nobody knows is 24 hours', () => {
    expect(spanOf('9y', now).name).toBe('24h')
    expect(spanOf(null, now).name).toBe('24h')
  })
})

describe('bars', () => {
  const now = new Date('2026-11-27T10:30:00.000Z')
  const counts = { allow: 1, deny: 2, ask: 3 }

  test('by the hour are 24 by the reader’s clock, also of hours in which nothing happened, and lead to their calls', () => {
    const bars = barsOf(
      'p',
      spanOf('24h', now),
      [
        { key: '2026-11-26T11:00:00.000Z', ...counts },
        { key: '2026-11-26T10:00:00.000Z', ...counts },
      ],
      'Asia/Kolkata',
    )
    expect(bars).toHaveLength(24)
    expect(bars[0]).toMatchObject({ label: '16:30', hint: '2026-11-26 11:00 UTC', ...counts })
    expect(bars.at(-1)).toEqual({
      label: '15:30',
      hint: '2026-11-27 10:00 UTC',
      allow: 0,
      deny: 0,
      ask: 0,
      href: '/app/audits?project_id=p&from=2026-11-27T10%3A00%3A00.000Z&to=2026-11-27T11%3A00%3A00.000Z',
    })
  })

  test('by the day are as many as days, and lead to the calls of theirs', () => {
    const bars = barsOf('p', spanOf('7d', now), [{ key: '2026-11-27', ...counts }], 'Asia/Kolkata')
    expect(bars).toHaveLength(7)
    expect(bars.at(-1)).toMatchObject({ label: '2026-11-27', ...counts })
    expect(bars.at(-1)?.href).toContain('to=2026-11-28T00%3A00%3A00.000Z')
  })
})

describe('a server', () => {
  const failed = (changes: Partial<AuditRecord> = {}) => record({ outcome: 'error', ...changes })
  test('fails when its newest call that ran ended in an error or too late', () => {
    expect(failuresIn([record({}), failed()], ['github'])).toMatchObject([{ system: 'github' }])
    expect(failuresIn([failed({ outcome: 'timeout' })], ['github'])).toHaveLength(1)
  })
  test('does not fail when a later call went well, when a client gave up, or when it is none of the project’s', () => {
    expect(failuresIn([record({ outcome: 'ok' }), failed()], ['github'])).toEqual([])
    expect(failuresIn([failed({ outcome: 'cancelled' })], ['github'])).toEqual([])
    expect(failuresIn([failed()], ['gitlab'])).toEqual([])
  })
})

describe('live calls', () => {
  test('are newest first, each once, and no more than asked for', () => {
    const [one, two, three] = [record({}), record({}), record({})] as const
    expect(withCall([one, two], three, 2)).toEqual([three, one])
    expect(withCall([one, two], two, 5)).toEqual([two, one])
  })
  test('learn what came of them, and an unknown outcome adds none', () => {
    const call = record({})
    const outcome = { ...call, decision: null, outcome: 'ok' as const, duration_ms: 4 }
    expect(withOutcome([call], outcome)).toEqual([{ ...call, outcome: 'ok', duration_ms: 4 }])
    expect(withOutcome([call], { ...outcome, id: 'other' })).toEqual([call])
  })
})
