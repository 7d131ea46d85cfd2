import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApprovalSnapshot } from '@mcpshield/contracts/projects'
import { projects } from '@mcpshield/contracts/projects'
import { start } from '../src/start.ts'
import { heldCall } from './held-call.ts'
import { log, startWorld, within, type User, type World } from './world.ts'

const { rpc } = projects
const stack = new AsyncDisposableStack()
let world: World
let owner: User
/** What a gateway knows of held calls. */
const told = new Map<string, ApprovalSnapshot>()

beforeAll(async () => {
  world = stack.use(await startWorld())
  owner = await world.owner()
  stack.use(
    await world.mcp.watch(projects.kv.approvals, {
      put: (id, snapshot) => void told.set(id, snapshot),
      remove: (id) => void told.delete(id),
    }),
  )
})
afterAll(() => stack.disposeAsync())

let counter = 0
const project = async (of = owner) => (await of.call(rpc.createProject, { name: `project ${++counter}` })).id
const hold = (project_id: string, other = {}) =>
  world.mcp.call(rpc.requestApproval, { project_id, ...heldCall(other) })
const stateOf = async (project_id: string, approval_id: string) =>
  (await owner.call(rpc.getApproval, { project_id, approval_id })).state
const pass = (id: string, ms: number) =>
  world.query(`update approvals set expires_at = now() - interval '1 millisecond' * $2 where id = $1`, [
    id,
    ms,
  ])
const seen = (id: string) => expect.poll(() => told.get(id)?.state, within)
const digest = () => heldCall().digest

describe('a held call', () => {
  test('is approved by a person and used by the gateway, once; each step is told to who holds it', async () => {
    const project_id = await project()
    const call = heldCall()
    const { approval_id, state, url } = await world.mcp.call(rpc.requestApproval, { project_id, ...call })
    expect([state, url]).toEqual([
      'pending',
      `https://app.example.com/app/projects/${project_id}/approvals/${approval_id}`,
    ])
    await seen(approval_id).toBe('pending')
    const approved = await owner.call(rpc.approveCall, { project_id, approval_id, note: 'Fine.' })
    expect(approved).toMatchObject({
      state: 'approved',
      decided_by: owner.caller.user_id,
      note: 'Fine.',
      tool: 'postgres.query',
      decision_id: call.decision_id,
      key_id: call.key_id,
    })
    await seen(approval_id).toBe('approved')
    const use = () => world.mcp.call(rpc.useApproval, { project_id, approval_id, digest: call.digest })
    expect(await use()).toEqual({ approved_by: owner.caller.user_id })
    await expect(use()).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await stateOf(project_id, approval_id)).toBe('used')
    await seen(approval_id).toBeUndefined()
  })

  test('that is refused says why to who holds it, and is never used', async () => {
    const project_id = await project()
    const call = heldCall()
    const { approval_id } = await world.mcp.call(rpc.requestApproval, { project_id, ...call })
    await owner.call(rpc.refuseCall, { project_id, approval_id, note: 'Not today.' })
    await expect
      .poll(() => told.get(approval_id), within)
      .toMatchObject({ state: 'refused', note: 'Not today.' })
    const use = world.mcp.call(rpc.useApproval, { project_id, approval_id, digest: call.digest })
    await expect(use).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('is not used before it is approved, nor by the approval of another call', async () => {
    const project_id = await project()
    const call = heldCall()
    const { approval_id } = await world.mcp.call(rpc.requestApproval, { project_id, ...call })
    const use = (of: string) => world.mcp.call(rpc.useApproval, { project_id, approval_id, digest: of })
    await expect(use(call.digest)).rejects.toMatchObject({ code: 'CONFLICT' })
    await owner.call(rpc.approveCall, { project_id, approval_id })
    await expect(use(digest())).rejects.toMatchObject({ code: 'CONFLICT' })
    await use(call.digest)
  })

  test('of the same digest joins the one that is open, or approved and not used; after that it is another', async () => {
    const project_id = await project()
    const same = { digest: digest() }
    const [one, two] = await Promise.all([hold(project_id, same), hold(project_id, same)])
    expect(two.approval_id).toBe(one.approval_id)
    expect((await hold(project_id)).approval_id).not.toBe(one.approval_id)
    expect((await hold(await project(), same)).approval_id).not.toBe(one.approval_id)
    await owner.call(rpc.approveCall, { project_id, approval_id: one.approval_id })
    expect(await hold(project_id, same)).toMatchObject({ approval_id: one.approval_id, state: 'approved' })
    await world.mcp.call(rpc.useApproval, { project_id, approval_id: one.approval_id, ...same })
    const next = await hold(project_id, same)
    expect(next).toMatchObject({ state: 'pending' })
    expect(next.approval_id).not.toBe(one.approval_id)
    await owner.call(rpc.refuseCall, { project_id, approval_id: next.approval_id })
    expect((await hold(project_id, same)).approval_id).not.toBe(next.approval_id)
  })

  test('is used by one of those who want it at once', async () => {
    const project_id = await project()
    const same = { digest: digest() }
    const { approval_id } = await hold(project_id, same)
    await owner.call(rpc.approveCall, { project_id, approval_id })
    const uses = await Promise.allSettled(
      Array.from({ length: 8 }, () => world.mcp.call(rpc.useApproval, { project_id, approval_id, ...same })),
    )
    expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const each of uses)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'CONFLICT' })
  })

  test('is decided by one of two people who decide it at once', async () => {
    const project_id = await project()
    const editor = await world.colleague(owner, 'editor')
    const { approval_id } = await hold(project_id)
    const words = await Promise.allSettled([
      owner.call(rpc.approveCall, { project_id, approval_id }),
      editor.call(rpc.refuseCall, { project_id, approval_id }),
    ])
    expect(words.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    for (const each of words)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'CONFLICT' })
    await expect(owner.call(rpc.approveCall, { project_id, approval_id })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
  })

  test('outlives the service: nothing of it is in memory', async () => {
    const project_id = await project()
    const same = { digest: digest() }
    const { approval_id } = await hold(project_id, same)
    await owner.call(rpc.approveCall, { project_id, approval_id })
    // Another instance, which has only what is stored.
    await using _other = await start(world.config, log)
    for (let each = 0; each < 4; each++) expect(await stateOf(project_id, approval_id)).toBe('approved')
    await world.mcp.call(rpc.useApproval, { project_id, approval_id, ...same })
  })
})

describe('the clock', () => {
  test('ends what nobody decided: 410, no use, and who holds it is told within seconds', async () => {
    const project_id = await project()
    const same = { digest: digest() }
    const { approval_id } = await hold(project_id, same)
    await seen(approval_id).toBe('pending')
    await pass(approval_id, 1)
    expect(await stateOf(project_id, approval_id)).toBe('expired')
    for (const word of [rpc.approveCall, rpc.refuseCall])
      await expect(owner.call(word, { project_id, approval_id })).rejects.toMatchObject({ code: 'EXPIRED' })
    const use = world.mcp.call(rpc.useApproval, { project_id, approval_id, ...same })
    await expect(use).rejects.toMatchObject({ code: 'EXPIRED' })
    expect((await hold(project_id, same)).approval_id).not.toBe(approval_id)
    await seen(approval_id).toBeUndefined()
    expect(await world.query('select state, open from approvals where id = $1', [approval_id])).toEqual([
      { state: 'expired', open: false },
    ])
  })

  test('leaves an approved call ten minutes more to be run, and not a moment longer', async () => {
    const project_id = await project()
    const [early, late] = [{ digest: digest() }, { digest: digest() }]
    const [one, two] = [await hold(project_id, early), await hold(project_id, late)]
    for (const { approval_id } of [one, two]) await owner.call(rpc.approveCall, { project_id, approval_id })
    await pass(one.approval_id, 590_000)
    await pass(two.approval_id, 600_001)
    const use = (approval_id: string, of: object) =>
      world.mcp.call(rpc.useApproval, { project_id, approval_id, ...of } as never)
    await use(one.approval_id, early)
    await expect(use(two.approval_id, late)).rejects.toMatchObject({ code: 'EXPIRED' })
    expect(await stateOf(project_id, two.approval_id)).toBe('expired')
  })

  test('forgets, a month later, the call and its arguments', async () => {
    const project_id = await project()
    const { approval_id } = await hold(project_id)
    const kept = await hold(project_id)
    await owner.call(rpc.refuseCall, { project_id, approval_id })
    await pass(approval_id, 31 * 86_400_000)
    await pass(kept.approval_id, 29 * 86_400_000)
    const ids = async () =>
      (await world.query<{ id: string }>('select id from approvals where project_id = $1', [project_id])).map(
        ({ id }) => id,
      )
    await expect.poll(ids, within).toEqual([kept.approval_id])
  })
})

describe('who asked', () => {
  test('never decides: a key is refused, whichever it is', async () => {
    const project_id = await project()
    const { approval_id } = await hold(project_id)
    const asKey = (of: string) => ({
      caller: {
        kind: 'key' as const,
        key_id: randomUUID(),
        project_id: of,
        org_id: owner.caller.org_id,
        digest: '0'.repeat(64),
      },
    })
    for (const word of [rpc.approveCall, rpc.refuseCall]) {
      const asked = world.rest.call(word, { project_id, approval_id }, asKey(project_id))
      await expect(asked).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
        message: expect.stringContaining('Who asked may not approve') as string,
      })
      const elsewhere = world.rest.call(word, { project_id, approval_id }, asKey(await project()))
      await expect(elsewhere).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
    expect(await stateOf(project_id, approval_id)).toBe('pending')
  })

  test('never decides: the person of the token that asked is refused, a colleague is not', async () => {
    const project_id = await project()
    const colleague = await world.colleague(owner, 'editor')
    const { approval_id } = await hold(project_id, { key_id: null, user: owner.email.toUpperCase() })
    for (const word of [rpc.approveCall, rpc.refuseCall])
      await expect(owner.call(word, { project_id, approval_id })).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
      })
    expect((await colleague.call(rpc.approveCall, { project_id, approval_id })).state).toBe('approved')
  })

  test('decides at the client only where the project takes that', async () => {
    const project_id = await project()
    const word = (approval_id: string, approve: boolean) =>
      world.mcp.call(rpc.decideInClient, { project_id, approval_id, approve, note: 'ok' })
    const [yes, no, closed] = [await hold(project_id), await hold(project_id), await hold(project_id)]
    await word(yes.approval_id, true)
    await word(no.approval_id, false)
    const approved = await owner.call(rpc.getApproval, { project_id, approval_id: yes.approval_id })
    expect(approved).toMatchObject({ state: 'approved', decided_by: null, note: 'ok' })
    expect(await stateOf(project_id, no.approval_id)).toBe('refused')
    await expect(word(no.approval_id, true)).rejects.toMatchObject({ code: 'CONFLICT' })
    await owner.call(rpc.updateProject, { project_id, approve_in_client: false })
    await expect(word(closed.approval_id, true)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await expect(word(closed.approval_id, false)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(await stateOf(project_id, closed.approval_id)).toBe('pending')
  })

  test('by role: an editor decides and sees the arguments, a viewer neither', async () => {
    const project_id = await project()
    const viewer = await world.colleague(owner, 'viewer')
    const { approval_id } = await hold(project_id)
    for (const def of [rpc.approveCall, rpc.refuseCall, rpc.getApproval])
      await expect(viewer.call(def, { project_id, approval_id })).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
      })
    expect((await viewer.call(rpc.listApprovals, { project_id })).items).toHaveLength(1)
  })
})

describe('its arguments', () => {
  const token = `ghp_${'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'.slice(0, 36)}`

  test('are sealed at rest, shown without secrets in lists, and exactly as they run to who decides', async () => {
    const project_id = await project()
    const given = { header: `token ${token}`, nested: { '': [1, null, 'x\u{0}y\u{d800}'] } }
    const { approval_id } = await hold(project_id, {
      arguments: given,
      reason: `It sends ${token}.`,
      agent: token,
    })
    const { items } = await owner.call(rpc.listApprovals, { project_id })
    expect(items).toMatchObject([
      { id: approval_id, arguments: { nested: { '': [1, null, expect.anything()] } } },
    ])
    expect((await owner.call(rpc.getApproval, { project_id, approval_id })).arguments).toEqual(given)
    const mails = (await world.mails()).filter(({ mail }) => JSON.stringify(mail).includes(project_id))
    expect(mails.length).toBeGreaterThan(0)
    for (const shown of [items, mails, await world.everythingStored(), [...told.values()]])
      expect(JSON.stringify(shown)).not.toContain(token)
  })

  test('of one call do not open in the place of another’s', async () => {
    const project_id = await project()
    const [one, two] = [await hold(project_id), await hold(project_id)]
    await world.query(
      'update approvals set sealed_arguments = (select sealed_arguments from approvals where id = $1) where id = $2',
      [one.approval_id, two.approval_id],
    )
    const asked = owner.call(rpc.getApproval, { project_id, approval_id: two.approval_id })
    await expect(asked).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  test('that are long do not keep a list from being read: its pages are smaller', async () => {
    const project_id = await project()
    const long = Array.from({ length: 7 }, () => 'x '.repeat(4_000))
    for (let each = 0; each < 50; each++) await hold(project_id, { arguments: long })
    await hold(project_id, { arguments: Array.from({ length: 100 }, () => 'x '.repeat(4_000)) })
    const ids: string[] = []
    let cursor: string | undefined
    let pages = 0
    do {
      const page = await owner.call(rpc.listApprovals, {
        project_id,
        limit: 200,
        ...(cursor ? { cursor } : {}),
      })
      if (pages === 0) expect(page.items[0]?.arguments).toMatch(/^\[too long to be listed/)
      ids.push(...page.items.map(({ id }) => id))
      cursor = page.next_cursor ?? undefined
      pages += 1
    } while (cursor !== undefined)
    expect(pages).toBeGreaterThan(1)
    expect(new Set(ids).size).toBe(51)
    expect(ids).toHaveLength(51)
  })
})

describe('the list', () => {
  test('is of one state, newest first, by the clock', async () => {
    const project_id = await project()
    const held = []
    for (let each = 0; each < 5; each++) held.push((await hold(project_id)).approval_id)
    const [waiting, approved, refused, expired, stale] = held as [string, string, string, string, string]
    for (const approval_id of [approved, stale])
      await owner.call(rpc.approveCall, { project_id, approval_id })
    await owner.call(rpc.refuseCall, { project_id, approval_id: refused })
    await pass(expired, 1)
    await pass(stale, 700_000)
    const ids = async (state?: 'pending' | 'approved' | 'refused' | 'expired' | 'used') =>
      (await owner.call(rpc.listApprovals, { project_id, ...(state ? { state } : {}) })).items.map(
        ({ id }) => id,
      )
    expect(await ids('pending')).toEqual([waiting])
    expect(await ids('approved')).toEqual([approved])
    expect(await ids('refused')).toEqual([refused])
    expect(await ids('expired')).toEqual([stale, expired])
    expect(await ids('used')).toEqual([])
    expect(await ids()).toEqual(held.toReversed())
  })
})

describe('people', () => {
  test('who may decide are told by mail, once a minute of a project; the others are not', async () => {
    const boss = await world.owner()
    const people = [
      await world.colleague(boss, 'admin'),
      await world.colleague(boss, 'editor'),
      await world.colleague(boss, 'viewer'),
    ]
    const project_id = await project(boss)
    const { approval_id, expires_at } = await hold(project_id)
    const mails = async () =>
      (await world.mails()).filter(
        ({ mail }) => mail.template === 'pending_approval' && mail.url.includes(project_id),
      )
    const told = [boss, ...people.slice(0, 2)].map(({ caller }) => caller.user_id)
    await expect
      .poll(async () => (await mails()).map(({ to }) => ('user_id' in to ? to.user_id : '')).sort(), within)
      .toEqual(told.toSorted())
    expect((await mails())[0]).toMatchObject({
      expires_at,
      mail: { tool: 'postgres.query', agent: 'claude', url: expect.stringContaining(approval_id) as string },
    })
    await hold(project_id)
    await world.query(
      "update projects set approvals_mailed_at = now() - interval '61 seconds' where id = $1",
      [project_id],
    )
    const third = await hold(project_id)
    const ofThird = async () =>
      (await mails()).filter(({ mail }) => JSON.stringify(mail).includes(third.approval_id)).length
    await expect.poll(ofThird, within).toBe(3)
    // Those of the second would have come before.
    expect(await mails()).toHaveLength(6)
  })

  test('leave what they decided in the record, and what was decided at the client too', async () => {
    const project_id = await project()
    const [one, two, three] = [await hold(project_id), await hold(project_id), await hold(project_id)]
    await owner.call(rpc.approveCall, { project_id, approval_id: one.approval_id, note: 'yes' })
    await owner.call(rpc.refuseCall, { project_id, approval_id: two.approval_id })
    await world.mcp.call(rpc.decideInClient, { project_id, approval_id: three.approval_id, approve: true })
    const events = async () =>
      (await world.auditEvents())
        .filter((each) => each.project_id === project_id && each.method !== 'createProject')
        .map(({ method, user_id, rule, arguments: given }) => ({ method, user_id, rule, given }))
    const { user_id } = owner.caller
    await expect.poll(events, within).toMatchObject([
      { method: 'approveCall', user_id, rule: 'owner', given: { approval_id: one.approval_id, note: 'yes' } },
      { method: 'refuseCall', user_id, rule: 'owner', given: { approval_id: two.approval_id } },
      { method: 'decideInClient', user_id: null, rule: 'client', given: { approval_id: three.approval_id } },
    ])
  })

  test('who are deleted leave their decisions without their names', async () => {
    const boss = await world.owner()
    const editor = await world.colleague(boss, 'editor')
    const project_id = await project(boss)
    const [one, two] = [await hold(project_id), await hold(project_id, { user: editor.email.toUpperCase() })]
    await editor.call(rpc.approveCall, { project_id, approval_id: one.approval_id })
    const { auth } = await import('@mcpshield/contracts/auth')
    const gone = { user_id: editor.caller.user_id, email: editor.email }
    await world.auth.publish(auth.evt.userDeleted, gone, randomUUID())
    const get = (approval_id: string) => boss.call(rpc.getApproval, { project_id, approval_id })
    await expect.poll(async () => (await get(one.approval_id)).decided_by, within).toBe(null)
    expect((await get(two.approval_id)).user).toBe(null)
    expect((await get(one.approval_id)).state).toBe('approved')
  })
})

describe('a project', () => {
  test('has a thousand calls that wait at most; those that are over do not count', async () => {
    const project_id = await project()
    const { approval_id } = await hold(project_id)
    await world.query(
      `insert into approvals select gen_random_uuid(), project_id, org_id, state, open, md5(n::text) || md5(n::text), method,
         tool, shown_arguments, sealed_arguments, rule, reason, policy_version, agent, key_id, asked_by, decision_id,
         created_at, expires_at
       from approvals, generate_series(1, 999) n where id = $1`,
      [approval_id],
    )
    await expect(hold(project_id)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' })
    await pass(approval_id, 1)
    await hold(project_id)
    await expect(hold(project_id)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' })
  })

  test('that is deleted takes its held calls with it, at gateways too', async () => {
    const project_id = await project()
    const { approval_id } = await hold(project_id)
    await seen(approval_id).toBe('pending')
    await owner.call(rpc.deleteProject, { project_id })
    await seen(approval_id).toBeUndefined()
    const use = world.mcp.call(rpc.useApproval, { project_id, approval_id, digest: digest() })
    await expect(use).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
