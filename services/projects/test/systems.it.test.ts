import { randomBytes } from 'node:crypto'
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
const stdio = { slug: 'files', transport: 'stdio' as const, command: 'npx' }
const within = { timeout: 1_000, interval: 10 }

describe('upstreams and connections', () => {
  const secret = () => `s3cret-${randomBytes(12).toString('hex')}`

  test('secrets are sealed at rest, never shown again, and opened for the gateway only', async () => {
    const { id: project_id } = await project()
    const [header, environment, password, token] = [secret(), secret(), secret(), secret()]
    const remote = await owner.call(rpc.createUpstream, {
      project_id,
      slug: 'remote',
      transport: 'http',
      url: `https://mcp.example.com/mcp?key=${token}`,
      headers: { authorization: header },
    })
    const local = await owner.call(rpc.createUpstream, {
      project_id,
      ...stdio,
      args: ['-y', '@modelcontextprotocol/server-filesystem', '/srv/files'],
      env: { API_TOKEN: environment },
    })
    const url = `postgres://agent:${password}@db.example.com/shop`
    const connection = await owner.call(rpc.createConnection, {
      project_id,
      name: 'shop',
      kind: 'postgresql',
      url,
      options: { search_path: ['sales'] },
    })
    expect(remote).toMatchObject({ header_names: ['authorization'], env_names: [] })
    expect(local).toMatchObject({ env_names: ['API_TOKEN'], command: 'npx' })
    expect(connection).toMatchObject({ has_url: true, options: { search_path: ['sales'] } })
    const runtime = await world.mcp.call(rpc.getRuntime, { project_id })
    expect(runtime.upstreams).toMatchObject([
      { slug: 'remote', url: `https://mcp.example.com/mcp?key=${token}`, headers: { authorization: header } },
      { slug: 'files', env: { API_TOKEN: environment }, args: ['-y', expect.anything(), '/srv/files'] },
    ])
    expect(runtime.connections).toMatchObject([{ name: 'shop', url, options: { search_path: ['sales'] } }])

    await expect
      .poll(() => snapshots.project(project_id)?.snapshot.runtime_version, within)
      .toBe(runtime.runtime_version)
    const { snapshot } = snapshots.project(project_id)!
    expect(snapshot.upstreams).toEqual([
      { slug: 'remote', server: null, root: null },
      { slug: 'files', server: 'server-filesystem', root: '/srv/files' },
    ])
    expect(snapshot.connections).toEqual([{ name: 'shop', kind: 'postgresql', search_path: ['sales'] }])
    const shown = JSON.stringify([
      remote,
      local,
      connection,
      snapshot,
      await owner.call(rpc.listUpstreams, { project_id }),
      await owner.call(rpc.getUpstream, { project_id, upstream_id: remote.id }),
      await owner.call(rpc.listConnections, { project_id }),
      await world.auditEvents(),
      await world.everythingStored(),
    ])
    for (const each of [header, environment, password, token]) expect(shown).not.toContain(each)
    const asking = world.rest.call(rpc.getRuntime as never, { project_id } as never, { timeoutMs: 500 })
    await expect(asking).rejects.toMatchObject({
      code: expect.stringMatching(/UNAVAILABLE|DEADLINE/) as string,
    })
  })

  test('a sealed text moved to another row does not open', async () => {
    const { id: project_id } = await project()
    const create = (name: string) =>
      owner.call(rpc.createConnection, { project_id, name, kind: 'redis', url: `redis://:${secret()}@host` })
    const [one, other] = [await create('one'), await create('other')]
    await world.query(
      'update connections set sealed_url = (select sealed_url from connections where id = $1) where id = $2',
      [one.id, other.id],
    )
    await expect(world.mcp.call(rpc.getRuntime, { project_id })).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  test('a change keeps what is not given; another transport keeps nothing; each grows the runtime’s version', async () => {
    const { id: project_id } = await project()
    const token = secret()
    const { id: upstream_id } = await owner.call(rpc.createUpstream, {
      project_id,
      ...stdio,
      args: ['a'],
      env: { TOKEN: token },
    })
    const before = await world.mcp.call(rpc.getRuntime, { project_id })
    await owner.call(rpc.updateUpstream, { project_id, upstream_id, args: ['b'] })
    const after = await world.mcp.call(rpc.getRuntime, { project_id })
    expect(after.upstreams).toMatchObject([{ args: ['b'], env: { TOKEN: token }, command: 'npx' }])
    expect(after.runtime_version).toBe(before.runtime_version + 1)
    await owner.call(rpc.updateUpstream, {
      project_id,
      upstream_id,
      transport: 'http',
      url: 'https://mcp.example.com/mcp',
    })
    const [moved] = (await world.mcp.call(rpc.getRuntime, { project_id })).upstreams
    expect(moved).toMatchObject({ command: null, args: [], env: {}, url: 'https://mcp.example.com/mcp' })
    await owner.call(rpc.deleteUpstream, { project_id, upstream_id })
    expect((await world.mcp.call(rpc.getRuntime, { project_id })).upstreams).toEqual([])
    await expect
      .poll(() => snapshots.project(project_id)?.snapshot, within)
      .toMatchObject({ runtime_version: before.runtime_version + 3, upstreams: [] })
  })

  test('what does not belong together is refused, field by field', async () => {
    const { id: project_id } = await project()
    const upstream = (input: object) =>
      owner.call(rpc.createUpstream, { project_id, slug: 'x', transport: 'http', ...input })
    const connection = (input: object) =>
      owner.call(rpc.createConnection, { project_id, name: 'x', kind: 'postgresql', ...input })
    const at = (path: string) => ({
      code: 'INVALID_ARGUMENT',
      details: { errors: expect.arrayContaining([expect.objectContaining({ path })]) as unknown },
    })
    const url = 'https://mcp.example.com'
    await expect(upstream({})).rejects.toMatchObject(at('url'))
    await expect(upstream({ url: 'file:///etc/passwd' })).rejects.toMatchObject(at('url'))
    await expect(upstream({ url, command: 'sh' })).rejects.toMatchObject(at('command'))
    await expect(upstream({ url, slug: 'postgres' })).rejects.toMatchObject(at('slug'))
    await expect(upstream({ url, headers: { 'a b': 'c' } })).rejects.toMatchObject(at('headers.a b'))
    await expect(upstream({ url, headers: { a: 'b\r\nc: d' } })).rejects.toMatchObject(at('headers.a'))
    await expect(upstream({ transport: 'stdio', url })).rejects.toMatchObject(at('command'))
    await expect(connection({})).rejects.toMatchObject(at('url'))
    await expect(connection({ url: 'mysql://host/db' })).rejects.toMatchObject(at('url'))
    await expect(connection({ url: 'postgres://h/d', options: { password: 'x' } })).rejects.toMatchObject(
      at('options.password'),
    )
    await expect(connection({ kind: 'sqlite', path: 'shop.db' })).rejects.toMatchObject(at('path'))
    await upstream({ url })
    await expect(upstream({ url })).rejects.toMatchObject({ code: 'CONFLICT' })
  })
})

describe('the upstreams and connections', () => {
  test('of one project stay few and small enough to be told of in one message', async () => {
    const { id: project_id } = await project()
    const connection = (name: string, options = {}) =>
      owner.call(rpc.createConnection, { project_id, name, kind: 'http', options })
    await expect(connection('large', { a: 'x'.repeat(16 * 1024) })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { errors: [{ path: 'options' }] },
    })
    const upstream = (slug: string, args: string[] = []) =>
      owner.call(rpc.createUpstream, { project_id, ...stdio, slug, args })
    await expect(
      upstream(
        'large',
        Array.from({ length: 5 }, () => 'x'.repeat(4_000)),
      ),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { errors: [{ path: 'args' }] },
    })
    for (const create of [connection, upstream]) {
      const made = await Promise.allSettled(Array.from({ length: 101 }, (_, each) => create(`a${each}`)))
      const [refused, ...others] = made.filter(({ status }) => status === 'rejected')
      expect(others).toEqual([])
      expect(refused).toMatchObject({ reason: { code: 'CONFLICT' } })
    }
  })
})
