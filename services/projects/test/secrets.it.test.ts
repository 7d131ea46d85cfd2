import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projects } from '@mcpshield/contracts/projects'
import { connectDb } from '@mcpshield/db/connect'
import { masterSealer } from '@mcpshield/db/seal'
import { database } from '../src/entities.ts'
import { secretStore, wrapAnew } from '../src/secrets.ts'
import { start } from '../src/start.ts'
import { projectsStore, type Store } from '../src/store.ts'
import { log, startWorld, type World } from './world.ts'

const stack = new AsyncDisposableStack()
let world: World
let store: Store
beforeAll(async () => {
  world = stack.use(await startWorld())
  store = projectsStore(stack.use(await connectDb(database(world.schema.url))), () => undefined)
})
afterAll(() => stack.disposeAsync())

const newKey = () => randomBytes(32).toString('hex')

/** An organisation with something sealed under the master key. */
async function sealedUnder(master: string): Promise<{ orgId: string; sealed: string }> {
  const orgId = (await world.owner()).caller.org_id
  const sealed = await store
    .of(orgId)
    .change((em) => secretStore(masterSealer(master)).seal(em, orgId, 'upstreams/1', { a: 1 }))
  return { orgId, sealed }
}

const open = ({ orgId, sealed }: { orgId: string; sealed: string }, ...keys: [string, string?]) =>
  store.of(orgId).read((em) => secretStore(masterSealer(...keys)).open(em, orgId, 'upstreams/1', sealed))

describe('the master key', () => {
  test('what was sealed under the one before still opens, and is then wrapped by the present one', async () => {
    const [first, second] = [newKey(), newKey()]
    const secret = await sealedUnder(first)
    await expect(open(secret, second)).rejects.toThrow(/not among those given/)
    expect(await open(secret, second, first)).toEqual({ a: 1 })
    expect(await open(secret, second)).toEqual({ a: 1 })
    await expect(open(secret, first)).rejects.toThrow(/not among those given/)
  })

  test('a sweep wraps every data key anew, and names those that none of the keys opens', async () => {
    const [first, second, unknown] = [newKey(), newKey(), newKey()]
    const secrets = [await sealedUnder(first), await sealedUnder(first), await sealedUnder(second)]
    const lost = await sealedUnder(unknown)
    const swept = await wrapAnew(store.everywhere, masterSealer(second, first), 2)
    expect(swept.wrapped).toBe(2)
    expect(swept.lost).toContain(lost.orgId)
    for (const secret of secrets) expect(await open(secret, second)).toEqual({ a: 1 })
    await expect(open(lost, second)).rejects.toThrow(/not among those given/)
    expect((await wrapAnew(store.everywhere, masterSealer(second, first))).wrapped).toBe(0)
  })

  test('after a start with a new one, the one before is needed for nothing', async () => {
    const owner = await world.owner()
    const { id: project_id } = await owner.call(projects.rpc.createProject, { name: 'p' })
    const url = `redis://:${randomUUID()}@host`
    await owner.call(projects.rpc.createConnection, { project_id, name: 'c', kind: 'redis', url })
    const MASTER_KEY = newKey()
    await using _restarted = await start(
      { ...world.config, MASTER_KEY, MASTER_KEY_PREVIOUS: world.config.MASTER_KEY },
      log,
    )
    const { org_id } = owner.caller
    const wrapped = () =>
      world.query<{ wrapped: string }>('select wrapped from data_keys where org_id = $1', [org_id])
    const [row] = await wrapped()
    expect(masterSealer(MASTER_KEY).isCurrent(row!.wrapped)).toBe(true)
    const [connection] = await world.query<{ id: string; sealed_url: string }>(
      'select id, sealed_url from connections where org_id = $1',
      [org_id],
    )
    const opened = await store
      .of(org_id)
      .read((em) =>
        secretStore(masterSealer(MASTER_KEY)).open(
          em,
          org_id,
          `connections/${connection!.id}`,
          connection!.sealed_url,
        ),
      )
    expect(opened).toBe(url)
  })
})
