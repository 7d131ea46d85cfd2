import { randomBytes, randomUUID } from 'node:crypto'
import { jetstreamManager } from '@nats-io/jetstream'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuditEvent } from '@mcpshield/contracts/audit'
import type { RpcDef } from '@mcpshield/contracts/define'
import { projects } from '@mcpshield/contracts/projects'
import { connectDb, migrateDb } from '@mcpshield/db/connect'
import { masterSealer } from '@mcpshield/db/seal'
import { watchSnapshots, type Snapshots } from '@mcpshield/pdp/snapshots'
import { freshSchema } from '@mcpshield/testkit/schema'
import { database } from '../src/entities.ts'
import { secretStore } from '../src/secrets.ts'
import { log, startWorld, type User, type World } from './world.ts'

const { rpc } = projects
const stack = new AsyncDisposableStack()
let world: World
let owner: User
let stranger: User
let snapshots: Snapshots

beforeAll(async () => {
  world = stack.use(await startWorld())
  ;[owner, stranger] = await Promise.all([world.owner(), world.owner()])
  snapshots = stack.use(await watchSnapshots(world.mcp, log))
})
afterAll(() => stack.disposeAsync())

let counter = 0
const project = (user = owner, infrastructure: ('postgresql' | 'files')[] = ['postgresql']) =>
  user.call(rpc.createProject, { name: `project ${++counter}`, environment: 'dev', infrastructure })
const policy = (rules: string) => `version: 1\ndefault: deny\nrules:\n${rules}`
const echo = policy('  - { id: echo, tool: "files/echo", decision: allow }\n')
const stdio = { slug: 'files', transport: 'stdio' as const, command: 'npx' }
const within = { timeout: 1_000, interval: 10 }

describe('the schema', () => {
  test('the migrations lead to what the entities say, and are harmless when run again', async () => {
    expect(await migrateDb(database(world.schema.url))).toEqual([])
    await using db = await connectDb(database(world.schema.url))
    const difference = await db.orm.schema.getUpdateSchemaSQL({ wrap: false })
    // Foreign keys are the database's own: entities do not know them.
    const lines = difference
      .split('\n')
      .filter((line) => line !== '' && !/drop constraint "\w+_fkey"/.test(line))
    expect(lines).toEqual([])
  })
})

describe('tenancy', () => {
  test('another organisation’s ids are NOT_FOUND at every endpoint, for reading and for changing', async () => {
    const { id: project_id } = await project()
    const key = await owner.call(rpc.createKey, { project_id, name: 'k' })
    const upstream = await owner.call(rpc.createUpstream, { project_id, ...stdio })
    const connection = await owner.call(rpc.createConnection, {
      project_id,
      name: 'files',
      kind: 'files',
      path: '/srv',
    })
    const ids = { key_id: key.id, upstream_id: upstream.id, connection_id: connection.id }
    const own = await project(stranger)
    const calls: [RpcDef, Record<string, unknown>][] = [
      [rpc.getProject, {}],
      [rpc.updateProject, { killed: true }],
      [rpc.deleteProject, {}],
      [rpc.getPolicy, {}],
      [rpc.savePolicy, { policy_yaml: echo, if_match: '*' }],
      [rpc.validatePolicy, { policy_yaml: echo }],
      [rpc.listPolicyVersions, {}],
      [rpc.getPolicyVersion, { version: 1 }],
      [rpc.rollbackPolicy, { version: 1 }],
      [rpc.listKeys, {}],
      [rpc.createKey, { name: 'k' }],
      [rpc.updateKey, { key_id: ids.key_id, name: 'x' }],
      [rpc.revokeKey, { key_id: ids.key_id }],
      [rpc.listUpstreams, {}],
      [rpc.createUpstream, { ...stdio, slug: 'x' }],
      [rpc.getUpstream, { upstream_id: ids.upstream_id }],
      [rpc.updateUpstream, { upstream_id: ids.upstream_id, slug: 'x' }],
      [rpc.deleteUpstream, { upstream_id: ids.upstream_id }],
      [rpc.listConnections, {}],
      [rpc.createConnection, { name: 'x', kind: 'files', path: '/' }],
      [rpc.getConnection, { connection_id: ids.connection_id }],
      [rpc.updateConnection, { connection_id: ids.connection_id, name: 'x' }],
      [rpc.deleteConnection, { connection_id: ids.connection_id }],
    ]
    const asked = new Set(calls.map(([def]) => def.subject))
    const all = Object.values(rpc).filter((def: RpcDef) => def.http?.path.includes('{project_id}'))
    expect(all.map((def) => def.subject).filter((subject) => !asked.has(subject))).toEqual([])
    for (const [def, input] of calls) {
      await expect(stranger.call(def, { project_id, ...input }), def.subject).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
      // One's own project does not open another's things either.
      if (Object.keys(input).some((name) => name.endsWith('_id'))) {
        await expect(stranger.call(def, { project_id: own.id, ...input }), def.subject).rejects.toMatchObject(
          {
            code: 'NOT_FOUND',
          },
        )
      }
    }
    const mine = await stranger.call(rpc.listProjects, {})
    expect(mine.items.map((each) => each.org_id)).toEqual([stranger.caller.org_id])
    expect((await owner.call(rpc.getProject, { project_id })).killed).toBe(false)
  })

  test('a key reads the policy of its own project and of no other', async () => {
    const [one, other] = [await project(), await project()]
    const asKey = (project_id: string) =>
      world.rest.call(
        rpc.getPolicy,
        { project_id },
        {
          caller: {
            kind: 'key',
            key_id: randomUUID(),
            project_id: one.id,
            org_id: owner.caller.org_id,
            digest: '0'.repeat(64),
          },
        },
      )
    expect((await asKey(one.id)).version).toBe(1)
    await expect(asKey(other.id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('a person registered twice owns one organisation', async () => {
    const { rows } = await query('select count(*)::int as n from organizations where id = $1', [
      owner.caller.org_id,
    ])
    expect(rows).toEqual([{ n: 1 }])
    await expect(world.rest.call(rpc.getMembership, { user_id: randomUUID() })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})

describe('roles', () => {
  test('a viewer reads and changes nothing; an editor changes policies, not keys; an admin all', async () => {
    const { id: project_id } = await project()
    const [viewer, editor, admin] = [owner.as('viewer'), owner.as('editor'), owner.as('admin')]
    const save = (user: User) => user.call(rpc.savePolicy, { project_id, policy_yaml: echo, if_match: '*' })
    const key = (user: User) => user.call(rpc.createKey, { project_id, name: 'k' })
    const denied = { code: 'PERMISSION_DENIED' }
    expect((await viewer.call(rpc.getPolicy, { project_id })).version).toBe(1)
    await expect(save(viewer)).rejects.toMatchObject(denied)
    await expect(project(viewer)).rejects.toMatchObject(denied)
    await expect(viewer.call(rpc.updateProject, { project_id, killed: true })).rejects.toMatchObject(denied)
    expect((await save(editor)).version).toBe(2)
    await expect(key(editor)).rejects.toMatchObject(denied)
    await expect(editor.call(rpc.createUpstream, { project_id, ...stdio })).rejects.toMatchObject(denied)
    await expect(
      editor.call(rpc.createConnection, { project_id, name: 'x', kind: 'files', path: '/' }),
    ).rejects.toMatchObject(denied)
    await expect(editor.call(rpc.deleteProject, { project_id })).rejects.toMatchObject(denied)
    expect((await key(admin)).api_key).toMatch(/^mcps_/)
    await admin.call(rpc.deleteProject, { project_id })
    await expect(viewer.call(rpc.getProject, { project_id })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('projects', () => {
  test('a name is taken once per organisation', async () => {
    const { name, id } = await project()
    await expect(owner.call(rpc.createProject, { name })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect((await stranger.call(rpc.createProject, { name })).name).toBe(name)
    const other = await project()
    await expect(owner.call(rpc.updateProject, { project_id: other.id, name })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    expect((await owner.call(rpc.updateProject, { project_id: id, name })).name).toBe(name)
  })

  test('lists come newest first and page to and fro without losing or repeating any', async () => {
    const someone = await world.owner()
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.unshift((await project(someone)).id)
    const page = (cursor?: string) =>
      someone.call(rpc.listProjects, { limit: 2, ...(cursor === undefined ? {} : { cursor }) })
    const [first, ids] = [
      await page(),
      (list: { items: { id: string }[] }) => list.items.map((each) => each.id),
    ]
    expect(first.prev_cursor).toBe(null)
    const second = await page(first.next_cursor!)
    const third = await page(second.next_cursor!)
    expect([...ids(first), ...ids(second), ...ids(third)]).toEqual(made)
    expect(third.next_cursor).toBe(null)
    expect(ids(await page(third.prev_cursor!))).toEqual(ids(second))
    expect(ids(await page(second.prev_cursor!))).toEqual(ids(first))
    await expect(page('bm90IG91cnM')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a deleted project takes its snapshot and its keys along', async () => {
    const { id: project_id } = await project()
    const { api_key } = await owner.call(rpc.createKey, { project_id, name: 'k' })
    await expect.poll(() => snapshots.credential(api_key, new Date()), within).toBeDefined()
    await expect.poll(() => snapshots.project(project_id), within).toBeDefined()
    await owner.call(rpc.deleteProject, { project_id })
    await expect.poll(() => snapshots.credential(api_key, new Date()), within).toBeUndefined()
    await expect.poll(() => snapshots.project(project_id), within).toBeUndefined()
  })
})

describe('policies', () => {
  test('saving needs the current version’s tag, and every save is a version that stays', async () => {
    const { id: project_id } = await project()
    const save = (if_match?: string, policy_yaml = echo) =>
      owner.call(rpc.savePolicy, { project_id, policy_yaml, ...(if_match === undefined ? {} : { if_match }) })
    await expect(save()).rejects.toMatchObject({ code: 'PRECONDITION_REQUIRED' })
    for (const stale of ['"0"', '"2"', 'W/"1"', '"x"', ''])
      await expect(save(stale), stale).rejects.toMatchObject({ code: 'STALE' })
    const first = await owner.call(rpc.getPolicy, { project_id })
    expect((await save('"1"')).version).toBe(2)
    await expect(save('"1"')).rejects.toMatchObject({ code: 'STALE' })
    expect((await save('"7", "2"')).version).toBe(3)
    expect((await owner.call(rpc.getPolicyVersion, { project_id, version: 1 })).policy_yaml).toBe(
      first.policy_yaml,
    )
    const back = await owner.call(rpc.rollbackPolicy, { project_id, version: 1 })
    expect(back).toMatchObject({ version: 4, policy_yaml: first.policy_yaml, hash: first.hash })
    const versions = await owner.call(rpc.listPolicyVersions, { project_id, limit: 3 })
    expect(versions.items.map((each) => each.version)).toEqual([4, 3, 2])
    await expect(owner.call(rpc.rollbackPolicy, { project_id, version: 9 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })

  test('of two saves at once on the same version one is refused', async () => {
    const { id: project_id } = await project()
    const save = () => owner.call(rpc.savePolicy, { project_id, policy_yaml: echo, if_match: '"1"' })
    const results = await Promise.allSettled([save(), save(), save()])
    expect(results.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
    expect((await owner.call(rpc.getProject, { project_id })).policy_version).toBe(2)
  })

  test('a policy with an error, or with a test that fails, is refused with its place and not saved', async () => {
    const { id: project_id } = await project()
    const save = (policy_yaml: string) =>
      owner.call(rpc.savePolicy, { project_id, policy_yaml, if_match: '*' })
    await expect(save(policy('  - { tool: x, decision: maybe }\n'))).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      details: { diagnostics: [expect.objectContaining({ line: 4, severity: 'error' })] },
    })
    const failing = `${echo}tests:\n  - name: nothing passes\n    call: { tool: files/echo }\n    expect: deny\n`
    await expect(save(failing)).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      details: { diagnostics: [expect.objectContaining({ code: 'test_failed', line: 6 })] },
    })
    expect(await owner.call(rpc.validatePolicy, { project_id, policy_yaml: failing })).toMatchObject({
      valid: false,
    })
    expect((await owner.call(rpc.getPolicy, { project_id })).version).toBe(1)
    const passing = failing.replace('expect: deny', 'expect: allow')
    expect(await owner.call(rpc.validatePolicy, { project_id, policy_yaml: passing })).toMatchObject({
      valid: true,
    })
    expect((await save(passing)).version).toBe(2)
  })

  test('what was saved is in force at a decision point within a second, and so are mode and kill switch', async () => {
    const { id: project_id } = await project()
    const seen = () => snapshots.project(project_id)?.snapshot
    await expect.poll(() => seen()?.policy_version, within).toBe(1)
    const startedMs = performance.now()
    await owner.call(rpc.savePolicy, { project_id, policy_yaml: echo, if_match: '"1"' })
    await expect.poll(() => seen()?.policy_version, within).toBe(2)
    expect(performance.now() - startedMs).toBeLessThan(1_000)
    expect(snapshots.project(project_id)?.policy.rules).toEqual([
      { id: 'echo', tool: 'files/echo', decision: 'allow' },
    ])
    await owner.call(rpc.updateProject, { project_id, killed: true, mode: 'monitor', environment: 'prod' })
    await expect.poll(seen, within).toMatchObject({ killed: true, mode: 'monitor', environment: 'prod' })
  })
})

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
    expect(await everythingStored()).not.toContain(made.api_key)
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
})

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
      await auditEvents(),
      await everythingStored(),
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
    await query(
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

describe('the master key', () => {
  test('what was sealed under the one before still opens, and is then wrapped by the present one', async () => {
    await using schema = await freshSchema('projects')
    await migrateDb(database(schema.url))
    await using db = await connectDb(database(schema.url))
    const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
    const orgId = randomUUID()
    const em = db.fork()
    await em.execute(
      'insert into organizations (id, name, owner_user_id, created_at, updated_at) values (?, ?, ?, now(), now())',
      [orgId, 'o', randomUUID()],
    )
    const sealed = await secretStore(masterSealer(first)).seal(em, orgId, 'upstreams/1', { a: 1 })
    const open = (...keys: [string, string?]) =>
      secretStore(masterSealer(...keys)).open(db.fork(), orgId, 'upstreams/1', sealed)
    await expect(open(second)).rejects.toThrow(/not among those given/)
    expect(await open(second, first)).toEqual({ a: 1 })
    expect(await open(second)).toEqual({ a: 1 })
    await expect(open(first)).rejects.toThrow(/not among those given/)
  })
})

describe('the record', () => {
  test('every change leaves an audit event of its own, with who and what', async () => {
    const { id: project_id, name } = await project()
    await owner.call(rpc.savePolicy, { project_id, policy_yaml: echo, note: 'first', if_match: '*' })
    const { id: key_id } = await owner.call(rpc.createKey, { project_id, name: 'k' })
    await owner.call(rpc.revokeKey, { project_id, key_id })
    await owner.call(rpc.deleteProject, { project_id })
    const own = async () => (await auditEvents()).filter((event) => event.project_id === project_id)
    await expect
      .poll(async () => (await own()).map((event) => event.tool), { timeout: 5_000 })
      .toEqual([
        'projects.createProject',
        'projects.savePolicy',
        'projects.createKey',
        'projects.revokeKey',
        'projects.deleteProject',
      ])
    const [created, saved] = await own()
    expect(created).toMatchObject({
      kind: 'admin',
      org_id: owner.caller.org_id,
      user_id: owner.caller.user_id,
      reason: `Created the project ${name}.`,
    })
    expect(saved).toMatchObject({ method: 'savePolicy', policy_version: 2, arguments: { note: 'first' } })
  })

  test('a refused change leaves none', async () => {
    const { id: project_id } = await project()
    await expect(owner.as('viewer').call(rpc.deleteProject, { project_id })).rejects.toThrow()
    await owner.call(rpc.updateProject, { project_id, killed: true })
    const own = async () => (await auditEvents()).filter((event) => event.project_id === project_id)
    await expect
      .poll(async () => (await own()).map((event) => event.method), { timeout: 5_000 })
      .toEqual(['createProject', 'updateProject'])
  })

  test('a full audit stream does not hold up a revocation', async () => {
    const { id: project_id } = await project()
    const { api_key, id: key_id } = await owner.call(rpc.createKey, { project_id, name: 'k' })
    await expect.poll(() => snapshots.credential(api_key, new Date()), within).toBeDefined()
    const connection = await world.nats.raw('provision')
    const manager = await jetstreamManager(connection)
    const { config } = await manager.streams.info('AUDIT')
    await manager.streams.update('AUDIT', { ...config, max_bytes: 1 })
    try {
      await owner.call(rpc.updateProject, { project_id, mode: 'monitor' })
      const { state } = await manager.streams.info('AUDIT')
      await owner.call(rpc.revokeKey, { project_id, key_id })
      await expect.poll(() => snapshots.credential(api_key, new Date()), within).toBeUndefined()
      expect((await manager.streams.info('AUDIT')).state.last_seq).toBe(state.last_seq)
    } finally {
      await manager.streams.update('AUDIT', config)
      await connection.close()
    }
    const revoked = async () =>
      (await auditEvents()).some((event) => event.method === 'revokeKey' && event.project_id === project_id)
    await expect.poll(revoked, { timeout: 10_000 }).toBe(true)
  })
})

async function query(sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: world.schema.url })
  await client.connect()
  try {
    return await client.query(sql, values)
  } finally {
    await client.end()
  }
}

/** Every row of every table, as text. */
async function everythingStored(): Promise<string> {
  const { rows } = await query(
    `select string_agg(query_to_xml('select * from ' || quote_ident(tablename), true, false, '')::text, ' ') as all
     from pg_tables where schemaname = 'projects'`,
  )
  return (rows[0] as { all: string }).all
}

/** Every audit event published so far. */
async function auditEvents(): Promise<AuditEvent[]> {
  const connection = await world.nats.raw('provision')
  try {
    const manager = await jetstreamManager(connection)
    const { state } = await manager.streams.info('AUDIT')
    const events: AuditEvent[] = []
    for (let seq = Math.max(state.first_seq, 1); seq <= state.last_seq; seq++) {
      const message = await manager.streams.getMessage('AUDIT', { seq }).catch(() => null)
      if (message !== null) events.push(...AuditEvent.array().parse(message.json()))
    }
    return events
  } finally {
    await connection.close()
  }
}
