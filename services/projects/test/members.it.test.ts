import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '@mcpshield/contracts/caller'
import { projects } from '@mcpshield/contracts/projects'
import { startWorld, within, type User, type World } from './world.ts'

const { rpc } = projects
let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const change = (by: User, whom: User, role: Role) =>
  by.call(rpc.updateMember, { user_id: whom.caller.user_id, role })
const remove = (by: User, whom: User) => by.call(rpc.removeMember, { user_id: whom.caller.user_id })
const members = async (user: User) => {
  const { items } = await user.call(rpc.listMembers, {})
  return new Map(items.map((member) => [member.id, member.role]))
}
const owners = async (user: User) =>
  [...(await members(user)).values()].filter((role) => role === 'owner').length
const ofOrganization = async ({ caller: { org_id } }: User) =>
  (await world.auditEvents()).filter((event) => event.org_id === org_id)
const denied = { code: 'PERMISSION_DENIED' }

describe('members', () => {
  test('are listed with address, names and role, in pages, to members of any role and to no stranger', async () => {
    const [owner, stranger] = await Promise.all([world.owner(), world.owner()])
    const viewer = await world.colleague(owner, 'viewer')
    const editor = await world.colleague(owner, 'editor')
    const { items } = await viewer.call(rpc.listMembers, {})
    expect(items).toHaveLength(3)
    expect(items.find(({ id }) => id === editor.caller.user_id)).toMatchObject({
      email: editor.email,
      first_name: 'Ada',
      last_name: 'Lovelace',
      role: 'editor',
    })
    const first = await viewer.call(rpc.listMembers, { limit: 2 })
    const second = await viewer.call(rpc.listMembers, { limit: 2, cursor: first.next_cursor! })
    expect([...first.items, ...second.items]).toEqual(items)
    expect((await stranger.call(rpc.listMembers, {})).items.map(({ id }) => id)).toEqual([
      stranger.caller.user_id,
    ])
  })

  test('of whom nothing has been told yet are listed by their id', async () => {
    const owner = await world.owner()
    await world.query('delete from people where user_id = $1', [owner.caller.user_id])
    expect((await owner.call(rpc.listMembers, {})).items).toMatchObject([
      { id: owner.caller.user_id, email: null, first_name: null, last_name: null, role: 'owner' },
    ])
  })

  test('of another organisation are NOT_FOUND, for changing and for removing', async () => {
    const [owner, stranger] = await Promise.all([world.owner(), world.owner()])
    await expect(change(owner, stranger, 'viewer')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(remove(owner, stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect((await world.again(stranger)).caller.role).toBe('owner')
  })

  test('have a changed role, or none, from their next request on', async () => {
    const owner = await world.owner()
    const member = await world.colleague(owner, 'admin')
    expect(await change(owner, member, 'viewer')).toMatchObject({ id: member.caller.user_id, role: 'viewer' })
    expect((await world.again(member)).caller).toMatchObject({ org_id: owner.caller.org_id, role: 'viewer' })
    await remove(owner, member)
    const { caller } = await world.again(member)
    expect(caller.org_id).not.toBe(owner.caller.org_id)
    expect(caller.role).toBe('owner')
  })

  test('whose role was taken away do not use it in a request that was let in before', async () => {
    const owner = await world.owner()
    const [admin, viewer] = [await world.colleague(owner, 'admin'), await world.colleague(owner, 'viewer')]
    await change(owner, admin, 'viewer')
    await expect(change(admin, viewer, 'admin')).rejects.toMatchObject(denied)
    await expect(admin.call(rpc.createInvitation, { email: 'a@example.com' })).rejects.toMatchObject(denied)
    await remove(owner, admin)
    await expect(remove(admin, viewer)).rejects.toMatchObject(denied)
    expect((await members(owner)).get(viewer.caller.user_id)).toBe('viewer')
  })
})

describe('roles of members', () => {
  let owner: User
  let staff: Record<Role, User>
  beforeAll(async () => {
    owner = await world.owner()
    staff = {
      owner: await world.colleague(owner, 'owner'),
      admin: await world.colleague(owner, 'admin'),
      editor: await world.colleague(owner, 'editor'),
      viewer: await world.colleague(owner, 'viewer'),
    }
  })

  test.for([
    // By whom, whose role, the new one, and whether that goes through.
    ['owner', 'viewer', 'owner', true],
    ['owner', 'owner', 'admin', true],
    ['admin', 'viewer', 'admin', true],
    ['admin', 'admin', 'viewer', true],
    ['admin', 'viewer', 'owner', false],
    ['admin', 'admin', 'owner', false],
    ['admin', 'owner', 'viewer', false],
    ['editor', 'viewer', 'editor', false],
    ['viewer', 'viewer', 'owner', false],
  ] as const)('%s makes a %s %s: %s', async ([by, before, after, goesThrough]) => {
    const subject = await world.colleague(owner, before)
    const changed = change(staff[by], subject, after)
    if (goesThrough) await changed
    else await expect(changed).rejects.toMatchObject(denied)
    expect((await members(owner)).get(subject.caller.user_id)).toBe(goesThrough ? after : before)
  })

  test.for([
    ['owner', 'owner', true],
    ['owner', 'viewer', true],
    ['admin', 'admin', true],
    ['admin', 'viewer', true],
    ['admin', 'owner', false],
    ['editor', 'viewer', false],
    ['viewer', 'editor', false],
  ] as const)('%s removes a %s: %s', async ([by, whom, goesThrough]) => {
    const subject = await world.colleague(owner, whom)
    const removed = remove(staff[by], subject)
    if (goesThrough) await removed
    else await expect(removed).rejects.toMatchObject(denied)
    expect((await members(owner)).has(subject.caller.user_id)).toBe(!goesThrough)
  })

  test('anyone may leave; their own organisation is where they work then', async () => {
    const viewer = await world.colleague(owner, 'viewer')
    await remove(viewer, viewer)
    const { caller } = await world.again(viewer)
    expect(caller).toMatchObject({ role: 'owner' })
    expect(caller.org_id).not.toBe(owner.caller.org_id)
    expect((await members(owner)).has(viewer.caller.user_id)).toBe(false)
  })

  test('each change leaves one event, which names no address; a refused one leaves none', async () => {
    const boss = await world.owner()
    const member = await world.colleague(boss, 'viewer')
    await expect(change(member, boss, 'viewer')).rejects.toThrow()
    await change(boss, member, 'editor')
    await remove(boss, member)
    await expect
      .poll(async () => (await ofOrganization(boss)).map(({ method }) => method), within)
      .toEqual(['createInvitation', 'joinOrganization', 'updateMember', 'removeMember'])
    const events = await ofOrganization(boss)
    expect(JSON.stringify(events)).not.toContain('@')
    expect(events[1]).toMatchObject({ user_id: member.caller.user_id, rule: 'viewer' })
    expect(events[2]).toMatchObject({
      user_id: boss.caller.user_id,
      arguments: { user_id: member.caller.user_id, role: 'editor', before: 'viewer' },
    })
  })
})

describe('the last owner', () => {
  test('is neither demoted nor removed nor leaves; with another owner they may', async () => {
    const owner = await world.owner()
    const admin = await world.colleague(owner, 'admin')
    await expect(change(owner, owner, 'admin')).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(remove(owner, owner)).rejects.toMatchObject({ code: 'CONFLICT' })
    await change(owner, admin, 'owner')
    await change(owner, owner, 'viewer')
    expect(await owners(owner)).toBe(1)
  })

  test('stays when two owners demote or remove each other, or themselves, at once', async () => {
    for (const act of [
      (by: User, whom: User) => change(by, whom, 'viewer'),
      (by: User, whom: User) => remove(by, whom),
      (by: User) => change(by, by, 'viewer'),
      (by: User) => remove(by, by),
    ]) {
      const one = await world.owner()
      const other = await world.colleague(one, 'owner')
      const watcher = await world.colleague(one, 'viewer')
      const results = await Promise.allSettled([act(one, other), act(other, one)])
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(await owners(watcher)).toBe(1)
    }
  })

  test('who is removed from the organisation they registered with gets a new one of their own', async () => {
    const owner = await world.owner()
    const other = await world.colleague(owner, 'owner')
    await remove(other, owner)
    await expect
      .poll(async () => (await world.again(owner).catch(() => undefined))?.caller.role, within)
      .toBe('owner')
    const home = (await world.again(owner)).caller.org_id
    expect(home).not.toBe(owner.caller.org_id)
    expect((await members(other)).has(owner.caller.user_id)).toBe(false)
  })

  test('is told where they are needed before they delete their account; nobody else is', async () => {
    const owner = await world.owner()
    const needed = async (user: User) =>
      (await world.auth.call(rpc.checkDeparture, { user_id: user.caller.user_id })).needed_by
    expect(await needed(owner)).toEqual([]) // Alone: it goes with them.
    const admin = await world.colleague(owner, 'admin')
    const { name } = await owner.call(rpc.updateOrganization, { name: 'Engines' })
    expect(await needed(owner)).toEqual([name])
    expect(await needed(admin)).toEqual([])
    await change(owner, admin, 'owner')
    expect(await needed(owner)).toEqual([])
  })
})
