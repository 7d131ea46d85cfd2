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
const project = () => owner.call(rpc.createProject, { name: `project ${++counter}` })
const within = { timeout: 1_000, interval: 10 }

describe('keys', () => {
  test('a key is shown once, stored as a digest, and known to decision points', async () => {
    const { id: project_id } = await project()
    const made = await owner.call(rpc.createKey, {
      project_id,
      name: 'agent',
      labels: ['a'],
      upstreams: ['files'],
    })
    expect(made.api_key).toMatch(/^mcps_[A-Za-z0-9_-]{43}$/)
    expect(made.api_key.startsWith(made.prefix)).toBe(true)
    expect(JSON.stringify(await owner.call(rpc.listKeys, { project_id }))).not.toContain(made.api_key)
    expect(await world.everythingStored()).not.toContain(made.api_key)
    await expect
      .poll(() => snapshots.credential(made.api_key, new Date()), within)
      .toMatchObject({ key_id: made.id, project_id, labels: ['a'], upstreams: ['files'] })
    await owner.call(rpc.updateKey, { project_id, key_id: made.id, upstreams: null, name: 'renamed' })
    await expect
      .poll(() => snapshots.credential(made.api_key, new Date()), within)
      .toMatchObject({ name: 'renamed', upstreams: null })
  })

  test('a revoked key is unknown to decision points within a second, and cannot be changed back', async () => {
    const { id: project_id } = await project()
    const { api_key, id: key_id } = await owner.call(rpc.createKey, { project_id, name: 'k' })
    await expect.poll(() => snapshots.credential(api_key, new Date()), within).toBeDefined()
    const startedMs = performance.now()
    await owner.call(rpc.revokeKey, { project_id, key_id })
    await expect.poll(() => snapshots.credential(api_key, new Date()), within).toBeUndefined()
    expect(performance.now() - startedMs).toBeLessThan(1_000)
    await expect(owner.call(rpc.updateKey, { project_id, key_id, name: 'x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    expect((await owner.call(rpc.listKeys, { project_id })).items[0]?.revoked_at).toBeTruthy()
  })

  test('an expiry lies in the future, and the last use is kept, never moved back nor ahead of now', async () => {
    const { id: project_id } = await project()
    const create = (expires_at: string) => owner.call(rpc.createKey, { project_id, name: 'k', expires_at })
    await expect(create('2020-01-01T00:00:00Z')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const { id: key_id } = await create('2100-01-01T00:00:00.000Z')
    const use = (...times: string[]) =>
      world.mcp.call(rpc.reportKeyUse, { uses: times.map((time) => ({ key_id, time })) })
    const lastUse = async () => (await owner.call(rpc.listKeys, { project_id })).items[0]?.last_used_at
    expect(await lastUse()).toBe(null)
    await use('2024-05-01T10:00:00.000Z', '2024-05-02T10:00:00.000Z', '2024-05-01T11:00:00.000Z')
    expect(await lastUse()).toBe('2024-05-02T10:00:00.000Z')
    await use('2024-04-01T10:00:00.000Z')
    expect(await lastUse()).toBe('2024-05-02T10:00:00.000Z')
    await use('2099-01-01T00:00:00.000Z')
    expect(Date.parse((await lastUse())!)).toBeLessThanOrEqual(Date.now() + 1_000)
  })
  test('reports of the same keys from several places at once all get through, and the latest use stays', async () => {
    const { id: project_id } = await project()
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push((await owner.call(rpc.createKey, { project_id, name: `k${i}` })).id)
    const report = (bus: Pick<World['rest'], 'call'>, keys: string[], day: number) =>
      bus.call(rpc.reportKeyUse, {
        uses: keys.map((key_id) => ({ key_id, time: `2024-05-${10 + day}T10:00:00.000Z` })),
      })
    await Promise.all(
      Array.from({ length: 20 }, (_, day) =>
        day % 2 === 0 ? report(world.rest, ids, day) : report(world.mcp, ids.toReversed(), day),
      ),
    )
    const { items } = await owner.call(rpc.listKeys, { project_id })
    expect(new Set(items.map((key) => key.last_used_at))).toEqual(new Set(['2024-05-29T10:00:00.000Z']))
  })
})
