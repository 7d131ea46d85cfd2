import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projects } from '@mcpshield/contracts/projects'
import { startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const DENY = 'version: 1\nrules:\n  - { id: never, tool: "*", decision: deny }\n'
const save = projects.rpc.saveOrganizationPolicy
const get = projects.rpc.getOrganizationPolicy

describe('the organisation’s policy', () => {
  test('is version 0 until one is saved; each save is a version, and If-Match keeps them apart', async () => {
    const owner = await world.owner()
    expect(await owner.call(get, {})).toMatchObject({ version: 0, policy_yaml: 'version: 1\nrules: []\n' })
    await expect(owner.call(save, { policy_yaml: DENY })).rejects.toMatchObject({
      code: 'PRECONDITION_REQUIRED',
    })
    expect(await owner.call(save, { policy_yaml: DENY, if_match: '"0"', note: 'first' })).toMatchObject({
      version: 1,
      note: 'first',
    })
    await expect(owner.call(save, { policy_yaml: DENY, if_match: '"0"' })).rejects.toMatchObject({
      code: 'STALE',
    })
    expect(await owner.call(get, {})).toMatchObject({ version: 1, policy_yaml: DENY })
  })

  test('holds no allow rule', async () => {
    const owner = await world.owner()
    const policy_yaml = 'version: 1\nrules:\n  - { tool: "*", decision: allow }\n'
    await expect(owner.call(save, { policy_yaml, if_match: '*' })).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      details: { diagnostics: [expect.objectContaining({ line: 3, severity: 'error' })] },
    })
    expect(await owner.call(get, {})).toMatchObject({ version: 0 })
  })

  test('is changed by those who administer, read by all, and never by another organisation', async () => {
    const owner = await world.owner()
    const stranger = await world.owner()
    for (const role of ['viewer', 'editor'] as const) {
      await expect(owner.as(role).call(save, { policy_yaml: DENY, if_match: '*' })).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
      })
    }
    await owner.as('admin').call(save, { policy_yaml: DENY, if_match: '*' })
    expect(await owner.as('viewer').call(get, {})).toMatchObject({ version: 1 })
    expect(await stranger.call(get, {})).toMatchObject({ version: 0 })
  })

  test('is told, with the project’s, to an API key of the project, and to nobody else’s', async () => {
    const owner = await world.owner()
    const { id: project_id } = await owner.call(projects.rpc.createProject, { name: 'wrapped' })
    const key = (of: string) => ({
      caller: {
        kind: 'key' as const,
        key_id: randomUUID(),
        project_id: of,
        org_id: owner.caller.org_id,
        digest: 'd',
      },
    })
    const ask = (of: string) => world.rest.call(projects.rpc.getPolicy, { project_id }, key(of))
    expect(await ask(project_id)).toMatchObject({ version: 1, organization_policy_yaml: null })
    await owner.call(save, { policy_yaml: DENY, if_match: '*' })
    expect(await ask(project_id)).toMatchObject({ version: 1, organization_policy_yaml: DENY })
    await expect(ask(randomUUID())).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
