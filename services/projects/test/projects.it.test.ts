import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projects } from '@mcpshield/contracts/projects'
import { watchSnapshots, type Snapshots } from '@mcpshield/pdp/snapshots'
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
const within = { timeout: 1_000, interval: 10 }

describe('projects', () => {
  test('a cursor of another list is refused, and so is one that was made up', async () => {
    const { id: project_id } = await project()
    const cursor = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url')
    const refused = { code: 'INVALID_ARGUMENT', details: { errors: [{ path: 'cursor' }] } }
    for (const place of [['older', 5], ['older', 2 ** 40], ['older'], ['up', project_id]]) {
      const asked = { project_id, cursor: cursor(place) }
      await expect(owner.call(rpc.listProjects, { cursor: asked.cursor })).rejects.toMatchObject(refused)
      await expect(owner.call(rpc.listMembers, { cursor: asked.cursor })).rejects.toMatchObject(refused)
      await expect(owner.call(rpc.listKeys, asked)).rejects.toMatchObject(refused)
    }
    for (const place of [
      ['older', project_id],
      ['older', 2 ** 31],
      ['newer', -(2 ** 40)],
    ]) {
      const asked = { project_id, cursor: cursor(place) }
      await expect(owner.call(rpc.listPolicyVersions, asked)).rejects.toMatchObject(refused)
    }
  })

  test('a policy whose aliases expand to more than can be told of is refused', async () => {
    const { id: project_id } = await project()
    const of = (times: number) =>
      `version: 1\nrules: []\ntests:\n  - name: a\n    call: { tool: x/y, arguments: { a: [&x "${'x'.repeat(10_000)}"${', *x'.repeat(times)}] } }\n    expect: deny\n`
    const save = (times: number) =>
      owner.call(rpc.savePolicy, { project_id, policy_yaml: of(times), if_match: '*' })
    await expect(save(20_000)).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      details: { diagnostics: [{ code: 'yaml_too_large' }] },
    })
    expect((await save(50)).version).toBe(2)
  })

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

  test('a deletion is told once to whoever keeps a record of the project; a refused one is not', async () => {
    const { id: project_id } = await project()
    const { id: other } = await project()
    await expect(owner.as('editor').call(rpc.deleteProject, { project_id: other })).rejects.toThrow()
    await owner.call(rpc.deleteProject, { project_id })
    const told = async () =>
      (await world.events(projects.evt.projectDeleted.subject)).filter((each) =>
        [project_id, other].includes((each as { project_id: string }).project_id),
      )
    await expect.poll(told, { timeout: 5_000 }).toEqual([{ org_id: owner.caller.org_id, project_id }])
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

  test('a rollback that names another version than the current one is refused; without a name it goes through', async () => {
    const { id: project_id } = await project()
    await owner.call(rpc.savePolicy, { project_id, policy_yaml: echo, if_match: '"1"' })
    const rollback = (if_match?: string) =>
      owner.call(rpc.rollbackPolicy, {
        project_id,
        version: 1,
        ...(if_match === undefined ? {} : { if_match }),
      })
    await expect(rollback('"1"')).rejects.toMatchObject({ code: 'STALE' })
    expect((await rollback('"2"')).version).toBe(3)
    expect((await rollback()).version).toBe(4)
  })

  test('a version is compared with the one before, or with any other that there is', async () => {
    const { id: project_id } = await project()
    const save = (policy_yaml: string) =>
      owner.call(rpc.savePolicy, { project_id, policy_yaml, if_match: '*' })
    const longer = `${echo}  - { id: stat, tool: "files/stat", decision: deny }\n`
    await save(echo)
    await save(longer)
    const diff = (version: number, against?: number) =>
      owner.call(rpc.diffPolicyVersions, {
        project_id,
        version,
        ...(against === undefined ? {} : { against }),
      })
    expect(await diff(3)).toMatchObject({ version: 3, against: 2, added_lines: 1, removed_lines: 0 })
    expect((await diff(3)).diff).toContain('--- version 2\n+++ version 3\n')
    expect((await diff(3)).diff).toContain('\n+  - { id: stat, tool: "files/stat", decision: deny }\n')
    expect(await diff(2, 3)).toMatchObject({ against: 3, added_lines: 0, removed_lines: 1 })
    expect(await diff(2, 2)).toMatchObject({ added_lines: 0, removed_lines: 0, diff: '' })
    expect(await diff(1)).toMatchObject({ against: null, removed_lines: 0 })
    await expect(diff(4)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(diff(1, 4)).rejects.toMatchObject({ code: 'NOT_FOUND' })
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

describe('the record', () => {
  test('every change leaves an audit event of its own, with who and what', async () => {
    const { id: project_id, name } = await project()
    await owner.call(rpc.savePolicy, { project_id, policy_yaml: echo, note: 'first', if_match: '*' })
    const { id: key_id } = await owner.call(rpc.createKey, { project_id, name: 'k' })
    await owner.call(rpc.revokeKey, { project_id, key_id })
    await owner.call(rpc.deleteProject, { project_id })
    const own = async () => (await world.auditEvents()).filter((event) => event.project_id === project_id)
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
    const own = async () => (await world.auditEvents()).filter((event) => event.project_id === project_id)
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
      (await world.auditEvents()).some(
        (event) => event.method === 'revokeKey' && event.project_id === project_id,
      )
    await expect.poll(revoked, { timeout: 10_000 }).toBe(true)
  })
})
