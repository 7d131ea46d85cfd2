import { createLog } from '@mcpshield/runtime/log'
import { expect, test } from 'vitest'
import { outdated, startRetention, type RetentionDeps } from './retention.ts'

const log = createLog('test', { level: 'silent' })

function world(over: Partial<RetentionDeps> = {}) {
  const plan = new Map<string, number | null>()
  const done: string[] = []
  const retention = startRetention({
    daysOf: (orgId) => (plan.has(orgId) ? plan.get(orgId)! : 30),
    apply: async (orgId, days) => void done.push(`apply ${orgId} ${days}`),
    note: async (orgId, days) => void done.push(`note ${orgId} ${days}`),
    noted: async () => new Map(),
    organizations: () => [],
    log,
    againAfterMs: 1,
    retryAfterMs: 1,
    ...over,
  })
  return { plan, done, retention }
}

test('a change is applied, applied again for what others wrote meanwhile, and then noted', async () => {
  const { plan, done, retention } = world()
  await using _ = retention
  plan.set('a', 90)
  retention.changed('a')
  await expect.poll(() => done).toEqual(['apply a 90', 'apply a 90', 'note a 90'])
})

test('what fails is tried again, and what is noted last is the plan of then', async () => {
  let failures = 2
  const applied: (number | null)[] = []
  const { plan, done, retention } = world({
    apply: async (_orgId, days) => {
      if (failures-- > 0) throw new Error('ClickHouse is away')
      applied.push(days)
      plan.set('a', null)
    },
  })
  await using _ = retention
  plan.set('a', 90)
  retention.changed('a')
  await expect.poll(() => done).toEqual(['note a null'])
  expect(applied).toEqual([90, null])
})

test('a start finds whose plan changed while nobody listened, also when it must ask twice', async () => {
  let tries = 0
  const { done, retention } = world({
    noted: async () => {
      if (tries++ === 0) throw new Error('ClickHouse is away')
      return new Map([
        ['was-pro', 90],
        ['is-free', 30],
      ])
    },
  })
  await using _ = retention
  await expect.poll(() => done).toEqual(['apply was-pro 30', 'apply was-pro 30', 'note was-pro 30'])
})

test('rows have what was noted for them, and else the Free plan’s', () => {
  const days = new Map<string, number | null>([
    ['new-pro', 90],
    ['pro', 90],
    ['enterprise', null],
  ])
  const daysOf = (orgId: string) => (days.has(orgId) ? days.get(orgId)! : 30)
  const noted = new Map<string, number | null>([
    ['pro', 90],
    ['enterprise', null],
    ['was-enterprise', null],
  ])
  expect(outdated(noted, [...days.keys()], daysOf).toSorted()).toEqual(['new-pro', 'was-enterprise'])
})
