import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PlanCode } from '@mcpshield/contracts/plans'
import { projects } from '@mcpshield/contracts/projects'
import { startWorld, type User, type World } from './world.ts'

const { rpc } = projects
let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const create = (user: User, name: string) => user.call(rpc.createProject, { name })
const count = async ({ caller: { org_id } }: User) =>
  (await world.billing.call(rpc.countProjects, { org_id })).count

async function onPlan(plan: PlanCode | 'silent'): Promise<User> {
  const owner = await world.owner()
  world.plans.set(owner.caller.org_id, plan)
  return owner
}

describe('a plan’s number of projects', () => {
  test('is the most that are made; a deletion or a larger plan makes room', async () => {
    const owner = await onPlan('free')
    const { id: project_id } = await create(owner, 'one')
    await expect(create(owner, 'two')).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      message:
        'The plan Free includes 1 project, and there is 1 already. Change to a larger plan, or delete a project.',
      details: { type: 'plan_limit_projects' },
    })
    expect(await count(owner)).toBe(1)
    await owner.call(rpc.deleteProject, { project_id })
    await create(owner, 'two')
    world.plans.set(owner.caller.org_id, 'pro')
    await create(owner, 'three')
    expect(await count(owner)).toBe(2)
  })

  test('is not exceeded by creations at once: exactly so many are made', async () => {
    const owner = await onPlan('free')
    const results = await Promise.allSettled(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => create(owner, name)),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    expect(await count(owner)).toBe(1)
  })

  test('is asked for before anything is made: when billing does not say, nothing is', async () => {
    const owner = await onPlan('silent')
    await expect(create(owner, 'one')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await count(owner)).toBe(0)
  })

  test('counts the projects of one’s own organisation only', async () => {
    const [owner, other] = [await onPlan('free'), await onPlan('free')]
    await create(other, 'one')
    await create(owner, 'one')
    expect(await count(owner)).toBe(1)
  })
})
