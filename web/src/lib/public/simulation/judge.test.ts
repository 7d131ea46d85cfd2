import { describe, expect, test } from 'vitest'
import { judge } from './judge.ts'
import { SAMPLE_CALLS } from './sample-calls.ts'
import { edited, EDITS, isMade, SAMPLE_POLICY } from './sample-policy.ts'

const NOW = new Date('2026-01-07T09:00:00Z')
const decisionsOf = (text: string) =>
  Object.fromEntries(
    Object.entries(judge(text, NOW).verdicts ?? {}).map(([id, { decision }]) => [id, decision]),
  )
const edit = (label: string) => EDITS.find((each) => each.label === label)!

describe('the policy of the simulation', () => {
  test('has nothing wrong with it, and decides each call', () => {
    expect(judge(SAMPLE_POLICY, NOW).diagnostics).toEqual([])
    expect(decisionsOf(SAMPLE_POLICY)).toEqual({
      report: 'allow',
      salaries: 'deny',
      source: 'allow',
      refund: 'ask',
      'ssh-key': 'deny',
      cached: 'allow',
      'hidden-delete': 'deny',
      repository: 'allow',
      session: 'deny',
      issue: 'ask',
      'server-file': 'deny',
      metadata: 'deny',
      orders: 'allow',
      merge: 'deny',
      write: 'allow',
      'two-statements': 'deny',
    })
  })

  test('says why, by which rule, and what an allowed call owes', () => {
    const { verdicts = {} } = judge(SAMPLE_POLICY, NOW)
    expect(verdicts['salaries']).toMatchObject({
      rule: 'default',
      reason: 'A read of hr.salaries is not covered by any allow rule.',
    })
    expect(verdicts['orders']?.owes).toEqual(['email masked', '1,000 rows at most'])
    expect(verdicts['salaries']?.trace.map(({ rule }) => rule)).toEqual(['reports', 'ask-before-a-change'])
  })
})

describe('a change to try', () => {
  test.for([
    ['Open hr to reports', { salaries: 'allow' }],
    ['Let it change orders unasked', { refund: 'allow' }],
    ['Reads of files only', { write: 'deny' }],
    ['Deny everything of Redis', { cached: 'deny' }],
  ] as const)('“%s” changes those calls and no other', ([label, changed]) => {
    const text = edited(SAMPLE_POLICY, edit(label))
    expect(judge(text, NOW).diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(decisionsOf(text)).toEqual({ ...decisionsOf(SAMPLE_POLICY), ...changed })
  })

  test('that is a mistake is found with its line', () => {
    const { verdicts, diagnostics } = judge(edited(SAMPLE_POLICY, edit('Make a mistake')), NOW)
    expect(verdicts).toBeUndefined()
    expect(diagnostics[0]).toMatchObject({ line: 8, severity: 'error' })
  })

  test('is undone by making it again, and can be made on a text that lost its place', () => {
    for (const each of EDITS) {
      const made = edited(SAMPLE_POLICY, each)
      expect(isMade(made, each)).toBe(true)
      expect(edited(made, each)).toBe(SAMPLE_POLICY)
      expect(edited('version: 1', each)).toBe(made)
    }
  })
})

test('there are calls enough for a stream', () => expect(SAMPLE_CALLS.length).toBeGreaterThan(12))
