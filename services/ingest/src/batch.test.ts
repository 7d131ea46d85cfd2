import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encode, makeEvent, ORG, OTHER_ORG, outcomeOf, PROJECT, subjectOf } from '../test/events.ts'
import { emptyBatch, joined, readMessage, type Entry } from './batch.ts'
import { recordOf } from './rows.ts'

const until = { receivedMs: Date.UTC(2026, 2, 2), untilMs: Date.UTC(2026, 3, 1) }
const subject = `audit.${ORG}.${PROJECT}.allow`
const read = (payload: unknown, on = subject) => readMessage(on, encode(payload), until)

function problemOf(payload: unknown, on?: string): string {
  const answer = read(payload, on)
  return 'problem' in answer ? answer.problem : 'none'
}

describe('a message of the audit stream', () => {
  test('becomes one row for each event, in the table of its phase', () => {
    const decision = makeEvent()
    const answer = read([decision, outcomeOf(decision)])
    if ('problem' in answer) throw new Error(answer.problem)
    const [row] = answer.rows.decisions
    expect(answer.rows.decisions).toHaveLength(1)
    expect(answer.rows.outcomes).toHaveLength(1)
    expect(row).toMatchObject({
      time: '2026-03-01 12:00:00.123',
      arguments: '{"sql":"SELECT name FROM customers"}',
      received_at: '2026-03-02 00:00:00.000',
      retain_until: until.untilMs / 1000,
    })
    expect(row).not.toHaveProperty('phase')
    expect(answer.rows.outcomes[0]).toMatchObject({
      id: decision.id,
      time: row!.time,
      outcome: 'ok',
      rows: 3,
    })
  })

  test('comes back from its rows as it was, joined with its outcome', () => {
    const decision = makeEvent({ project_id: null, kind: 'admin', arguments: null, facts: [1, 'two', null] })
    const outcome = outcomeOf(decision)
    const answer = read([decision, outcome], subjectOf([decision]))
    if ('problem' in answer) throw new Error(answer.problem)
    const { phase: _, ...wanted } = { ...outcome, facts: decision.facts }
    const {
      retain_until: __,
      received_at: ___,
      ...record
    } = recordOf(answer.rows.decisions[0]!, answer.rows.outcomes[0]) as ReturnType<typeof recordOf> & {
      retain_until: number
      received_at: string
    }
    expect(record).toEqual(wanted)
  })

  test.for([
    ['that is not JSON', new TextEncoder().encode('[{'), 'cannot be read'],
    ['that is not UTF-8', Uint8Array.of(0x5b, 0x22, 0xff, 0x22, 0x5d), 'cannot be read'],
    ['that is no list', encode(makeEvent()), 'expected array'],
    ['of no events', encode([]), '>=1'],
    ['with one bad event among good ones', encode([makeEvent(), { ...makeEvent(), mode: 'x' }]), '1.mode'],
    ['of a time that no table holds', encode([makeEvent({ time: '9999-01-01T00:00:00Z' })]), '0.time'],
    ['nested deeper than the stack', new TextEncoder().encode('['.repeat(200_000) + ']'.repeat(200_000)), ''],
  ] as const)('%s is refused with a reason', ([, bytes, reason]) => {
    const answer = readMessage(subject, bytes, until)
    expect(answer).toHaveProperty('problem')
    expect((answer as { problem: string }).problem).toContain(reason)
  })

  test('that carries an event of another organisation or project is refused', () => {
    expect(problemOf([makeEvent()])).toBe('none')
    expect(problemOf([makeEvent(), makeEvent({ org_id: OTHER_ORG })])).toContain('1: is of another')
    expect(problemOf([makeEvent({ project_id: OTHER_ORG })])).toContain('0: is of another')
    expect(problemOf([makeEvent({ project_id: null })], `audit.${ORG}._.allow`)).toBe('none')
  })

  test('is described without its content when it is refused', () => {
    expect(problemOf([makeEvent({ decision: 'hunter2' as 'allow' })])).not.toContain('hunter2')
    expect(JSON.stringify(readMessage(subject, new TextEncoder().encode('hunter2'), until))).not.toContain(
      'hunter2',
    )
  })

  test('keeps text that is not well-formed readable instead of failing', () => {
    const answer = read([makeEvent({ tool: 'a\ud800b', arguments: { x: '\ud800' } })])
    if ('problem' in answer) throw new Error(answer.problem)
    expect(answer.rows.decisions[0]!.tool).toBe('a\ufffdb')
    expect(recordOf(answer.rows.decisions[0]!, undefined).arguments).toEqual({ x: '\ud800' })
  })
})

describe('a batch', () => {
  const limits = { rows: 5, messages: 3, bytes: 1_000, ageMs: 200 }
  const entry = (rows: number, bytes = 10): Entry<string> => ({
    message: 'm',
    rows: { decisions: Array.from({ length: rows }, () => ({}) as never), outcomes: [], usage: [] },
    bytes,
  })

  test('is due when it is old, not before, and never when it is empty', () => {
    const batch = emptyBatch<string>(limits)
    expect(batch.dueInMs(0)).toBe(Infinity)
    batch.add(entry(1), 100)
    batch.add(entry(1), 250)
    expect(batch.dueInMs(250)).toBe(50)
    expect(batch.dueInMs(300)).toBe(0)
    batch.take()
    expect(batch.dueInMs(300)).toBe(Infinity)
  })

  test('is due at once when it has enough rows, messages or bytes, and not with one less', () => {
    const byRows = emptyBatch<string>(limits)
    byRows.add(entry(4), 0)
    expect(byRows.dueInMs(0)).toBe(200)
    byRows.add(entry(1), 0)
    expect(byRows.dueInMs(0)).toBe(0)
    const byMessages = emptyBatch<string>(limits)
    byMessages.add(entry(0), 0)
    byMessages.add(entry(0), 0)
    expect(byMessages.dueInMs(0)).toBe(200)
    byMessages.add(entry(0), 0)
    expect(byMessages.dueInMs(0)).toBe(0)
    const byBytes = emptyBatch<string>(limits)
    byBytes.add(entry(1, 999), 0)
    expect(byBytes.dueInMs(0)).toBe(200)
    byBytes.add(entry(1, 1), 0)
    expect(byBytes.dueInMs(0)).toBe(0)
  })

  test('gives every entry exactly once, in order, with its rows', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(3))), (steps) => {
        const batch = emptyBatch<string>(limits)
        const taken: Entry<string>[] = []
        const added = steps.map(([, rows]) => entry(rows))
        steps.forEach(([takes], at) => {
          batch.add(added[at]!, at)
          if (takes) taken.push(...batch.take())
        })
        taken.push(...batch.take())
        expect(taken).toEqual(added)
        expect(joined(taken).decisions).toHaveLength(steps.reduce((sum, [, rows]) => sum + rows, 0))
        expect(batch.take()).toEqual([])
      }),
    )
  })
})
