import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projects } from '@mcpshield/contracts/projects'
import { watchSnapshots, type Snapshots } from '@mcpshield/pdp/snapshots'
import { log, startWorld, type User, type World } from './world.ts'

const { rpc } = projects
const stack = new AsyncDisposableStack()
let world: World
let owner: User
let snapshots: Snapshots

beforeAll(async () => {
  world = stack.use(await startWorld())
  owner = await world.owner()
  snapshots = stack.use(await watchSnapshots(world.mcp, log))
})
afterAll(() => stack.disposeAsync())

let counter = 0
const create = (of = owner, environment: 'dev' | 'staging' | 'prod' = 'dev') =>
  of.call(rpc.createProject, { name: `project ${++counter}`, environment })
const second = { timeout: 1_000, interval: 10 }
const snapshotOf = (id: string) => snapshots.project(id)?.snapshot

describe('a kill switch', () => {
  test('of a key is known to decision points within a second, on and off, and only that key’s', async () => {
    const { id: project_id } = await create()
    const [key, other] = [
      await owner.call(rpc.createKey, { project_id, name: 'agent' }),
      await owner.call(rpc.createKey, { project_id, name: 'other' }),
    ]
    const killed = (of: { api_key: string }) => snapshots.credential(of.api_key, new Date())?.killed
    expect(key.killed).toBe(false)
    await expect.poll(() => killed(key), second).toBe(false)
    for (const on of [true, false]) {
      const changed = await owner.call(rpc.updateKey, { project_id, key_id: key.id, killed: on })
      expect(changed.killed).toBe(on)
      await expect.poll(() => killed(key), second).toBe(on)
      expect(killed(other)).toBe(false)
      const { items } = await owner.call(rpc.listKeys, { project_id })
      expect(items.find(({ id }) => id === key.id)?.killed).toBe(on)
    }
  })

  test('of an organisation is known in every project of it within a second, and in no other’s', async () => {
    const stranger = await world.owner()
    const [one, two, theirs] = [await create(), await create(), await create(stranger)]
    const states = () => [one, two, theirs].map(({ id }) => snapshotOf(id)?.organization_killed)
    await expect.poll(states, second).toEqual([false, false, false])
    for (const on of [true, false]) {
      expect((await owner.call(rpc.updateOrganization, { killed: on })).killed).toBe(on)
      await expect.poll(states, second).toEqual([on, on, false])
      expect((await owner.call(rpc.getOrganization, {})).killed).toBe(on)
      const { items } = await owner.call(rpc.listOrganizations, {})
      expect(items.map(({ killed }) => killed)).toEqual([on])
    }
    await owner.call(rpc.updateOrganization, { killed: true })
    const made = await create()
    await expect.poll(() => snapshotOf(made.id)?.organization_killed, second).toBe(true)
    await owner.call(rpc.updateOrganization, { killed: false })
  })

  test('is an administrator’s to turn, and each turn is in the record', async () => {
    const boss = await world.owner()
    const { id: project_id } = await create(boss)
    const { id: key_id } = await boss.call(rpc.createKey, { project_id, name: 'agent' })
    const editor = boss.as('editor')
    for (const turn of [
      editor.call(rpc.updateOrganization, { killed: true }),
      editor.call(rpc.updateKey, { project_id, key_id, killed: true }),
    ])
      await expect(turn).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await boss.call(rpc.updateOrganization, { killed: true })
    await boss.call(rpc.updateOrganization, { killed: true })
    await boss.call(rpc.updateKey, { project_id, key_id, killed: true })
    const events = async () =>
      (await world.auditEvents())
        .filter(({ org_id, method }) => org_id === boss.caller.org_id && method.startsWith('update'))
        .map(({ method, arguments: given }) => ({ method, given }))
    await expect.poll(events, { timeout: 5_000, interval: 20 }).toEqual([
      { method: 'updateOrganization', given: { killed: true } },
      { method: 'updateKey', given: { key_id, killed: true } },
    ])
  })
})

describe('the person at the client', () => {
  test('may approve in a new project, but not in one of production', async () => {
    const taken = await Promise.all(
      (['dev', 'staging', 'prod'] as const).map(async (environment) => {
        const { id, approve_in_client } = await create(owner, environment)
        await expect.poll(() => snapshotOf(id)?.approve_in_client, second).toBe(approve_in_client)
        return approve_in_client
      }),
    )
    expect(taken).toEqual([true, true, false])
  })

  test('may no longer when a project becomes one of production, unless it is said in the same breath', async () => {
    const [one, two] = [await create(), await create()]
    const update = (id: string, more = {}) =>
      owner.call(rpc.updateProject, { project_id: id, environment: 'prod', ...more })
    expect((await update(one.id)).approve_in_client).toBe(false)
    expect((await update(two.id, { approve_in_client: true })).approve_in_client).toBe(true)
    expect((await update(two.id)).approve_in_client).toBe(true)
    await expect.poll(() => snapshotOf(one.id)?.approve_in_client, second).toBe(false)
  })
})

describe('the issuer of tokens', () => {
  const issuer = { issuer: 'https://id.example.com/realms/a', groups_claim: 'groups' }

  test('is none at first, is told to gateways, and taken away again', async () => {
    const made = await create()
    const { id: project_id } = made
    expect(made.token_issuer).toBe(null)
    const set = (token_issuer: typeof issuer | null) =>
      owner.call(rpc.updateProject, { project_id, token_issuer })
    for (const each of [issuer, null]) {
      expect((await set(each)).token_issuer).toEqual(each)
      await expect.poll(() => snapshotOf(project_id)?.token_issuer, second).toEqual(each)
      expect((await owner.call(rpc.getProject, { project_id })).token_issuer).toEqual(each)
    }
  })

  test('is an administrator’s to choose, as keys are', async () => {
    const { id: project_id } = await create()
    const editor = owner.as('editor')
    const chosen = editor.call(rpc.updateProject, { project_id, token_issuer: issuer })
    await expect(chosen).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    expect((await editor.call(rpc.updateProject, { project_id, mode: 'monitor' })).token_issuer).toBe(null)
  })

  test('is reached over TLS', async () => {
    const { id: project_id } = await create()
    const token_issuer = { issuer: 'http://id.example.com' }
    await expect(owner.call(rpc.updateProject, { project_id, token_issuer })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { errors: [{ path: 'token_issuer.issuer' }] },
    })
  })
})
