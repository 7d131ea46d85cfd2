// What an approval is good for, and what it is not.
import { parsePolicy } from '@mcpshield/policy/parse'
import { expect, test } from 'vitest'
import { NO_SYSTEMS } from '../src/systems-file.ts'
import { openJudge } from '../src/wrap/judge.ts'
import { inForce, type NoPolicy, type PolicyInForce } from '../src/wrap/policy-in-force.ts'
import { everyRecord, type RecordedCall } from '../src/wrap/records.ts'

const policy = `version: 1
rules: [{ id: careful, tool: box/write, decision: ask, limits: { rate_limit: { calls: 1, per: 1m } } }]
`

async function judging() {
  const parsed = parsePolicy(policy).policy
  if (parsed === undefined) throw new Error('The policy of this test is none.')
  const version = (hash: string) => inForce(parsed, NO_SYSTEMS, { version: 1, hash })
  const recorded: RecordedCall[] = []
  const state: { current: PolicyInForce | NoPolicy } = { current: await version('one') }
  const records = { record: async (call: RecordedCall) => void recorded.push(call), finish: () => undefined }
  const judge = openJudge({
    policy: () => state.current,
    records: everyRecord([records]),
    now: () => new Date(),
    monotonicMs: () => 0,
  })
  return { judge, state, recorded, version }
}

const call = { method: 'tools/call', tool: 'box/write', arguments: { path: '/a', n: 1 }, agent: null }

test('an approval lets its call through, whatever the order of its members, and counts then', async () => {
  const { judge, recorded } = await judging()
  const { digest, decision } = await judge.judge(call)
  expect(decision.decision).toBe('ask')
  const again = { ...call, arguments: { n: 1, path: '/a' }, approval: digest }
  expect((await judge.judge(again)).decision.decision).toBe('allow')
  expect(recorded.map(({ approved }) => approved)).toEqual([false, true])
  expect((await judge.judge(again)).decision.reason).toContain('rate_limited')
})

test('it is none for another argument, tool or method, nor under another policy', async () => {
  const { judge, state, version } = await judging()
  const { digest } = await judge.judge(call)
  const word = async (other: object) =>
    (await judge.judge({ ...call, approval: digest, ...other })).decision.decision
  expect(await word({ arguments: { path: '/b', n: 1 } })).toBe('ask')
  expect(await word({ approval: `${digest}0` })).toBe('ask')
  state.current = await version('two')
  expect(await word({})).toBe('ask')
  state.current = { unavailable: 'It was taken back.' }
  expect(await word({})).toBe('deny')
})

test('it opens neither what the policy denies nor what is quarantined', async () => {
  const { judge } = await judging()
  const { digest } = await judge.judge({ ...call, tool: 'box/other' })
  const denied = await judge.judge({ ...call, tool: 'box/other', approval: digest })
  expect(denied.decision.decision).toBe('deny')
  const own = await judge.judge(call)
  const quarantined = await judge.judge({ ...call, approval: own.digest, quarantined: 'It changed.' })
  expect(quarantined.decision).toMatchObject({ decision: 'deny', rule: 'quarantined' })
})
