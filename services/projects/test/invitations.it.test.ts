import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import type { Role } from '@mcpshield/contracts/caller'
import { projects } from '@mcpshield/contracts/projects'
import { startWorld, within, type User, type World } from './world.ts'

const { rpc } = projects
let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const create = (by: User, email: string, role: Role = 'viewer') =>
  by.call(rpc.createInvitation, { email, role })
const join = (person: User, invitation_token: string) =>
  person.call(rpc.joinOrganization, { invitation_token })
const list = async (user: User) => (await user.call(rpc.listInvitations, {})).items
const unknown = { code: 'NOT_FOUND' }
const address = () => `${randomUUID()}@example.com`

describe('an invitation', () => {
  test('is mailed to one address a few times an hour, also when it is taken back in between', async () => {
    const [owner, another] = await Promise.all([world.owner(), world.owner()])
    const email = address()
    const asked = await Promise.allSettled(Array.from({ length: 6 }, () => create(owner, email)))
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    const [open] = await list(owner)
    await owner.call(rpc.revokeInvitation, { invitation_id: open!.id })
    await expect(create(owner, email)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    await create(owner, address())
    await create(another, email)
    const mails = async () =>
      (await world.mails()).filter(({ to }) => 'email' in to && to.email === email).length
    await expect.poll(mails, within).toBe(6)
  })

  test('goes out by mail with its link, and its token is nowhere else', async () => {
    const owner = await world.owner()
    const made = await create(owner, 'New.Person@Example.com', 'editor')
    expect(made).toMatchObject({
      email: 'new.person@example.com',
      role: 'editor',
      invited_by: owner.caller.user_id,
    })
    expect(Date.parse(made.expires_at) - Date.parse(made.created_at)).toBe(7 * 86_400_000)
    const mail = async () => (await world.mails()).find(({ id }) => id === made.id)
    await expect.poll(mail, within).toMatchObject({
      to: { email: 'new.person@example.com' },
      expires_at: made.expires_at,
      mail: { template: 'invitation', inviter: 'Ada Lovelace', role: 'editor', expires_at: made.expires_at },
    })
    const sent = (await mail())!.mail
    const url = new URL(sent.template === 'invitation' ? sent.url : '')
    expect(url.href).toMatch(
      /^https:\/\/app\.example\.com\/auth\/accept-invitation\?token=[A-Za-z0-9_-]{43}$/,
    )
    const token = url.searchParams.get('token')!
    await expect.poll(() => world.everythingStored(), within).not.toContain(token)
    expect(await world.everythingStored()).toContain(createHash('sha256').update(token).digest('hex'))
    expect(JSON.stringify([await list(owner), await world.auditEvents()])).not.toContain(token)
  })

  test('makes its person a member with its role, who works there from then on; it is good once', async () => {
    const owner = await world.owner()
    const person = await world.owner()
    const { token } = await world.invite(owner, person.email.toUpperCase(), 'editor')
    expect(await join(person, token)).toMatchObject({
      id: person.caller.user_id,
      email: person.email,
      role: 'editor',
    })
    expect((await world.again(person)).caller).toMatchObject({ org_id: owner.caller.org_id, role: 'editor' })
    expect(await list(owner)).toEqual([])
    await expect(join(person, token)).rejects.toMatchObject(unknown)
  })

  test('is as good as none to anybody else, also once they know its token', async () => {
    const [owner, person, thief] = await Promise.all([world.owner(), world.owner(), world.owner()])
    const { token } = await world.invite(owner, person.email, 'admin')
    const refusal = await join(thief, token).catch((error: unknown) => error)
    expect(refusal).toMatchObject(unknown)
    const made_up = await join(thief, randomBytes(32).toString('base64url')).catch((error: unknown) => error)
    expect((refusal as Error).message).toBe((made_up as Error).message)
    expect((await world.again(thief)).caller.org_id).toBe(thief.caller.org_id)
    await join(person, token)
  })

  test('follows the verified address: the one left is not enough, the new one is', async () => {
    const [owner, person] = await Promise.all([world.owner(), world.owner()])
    const [before, after] = [person.email, address()]
    const [old, fresh] = [await world.invite(owner, before), await world.invite(owner, after)]
    await expect(join(person, fresh.token)).rejects.toMatchObject(unknown)
    const changed = {
      user_id: person.caller.user_id,
      email: after.toUpperCase(),
      first_name: 'Ada',
      last_name: 'King',
    }
    await world.auth.publish(auth.evt.userChanged, changed, randomUUID())
    await world.owner() // Told in order: whoever registers later is there later.
    await expect(join(person, old.token)).rejects.toMatchObject(unknown)
    await join(person, fresh.token)
  })

  test('that was taken back or replaced is as good as none; one that is too old says so', async () => {
    const [owner, person] = await Promise.all([world.owner(), world.owner()])
    const first = await world.invite(owner, person.email, 'admin')
    const second = await world.invite(owner, person.email, 'viewer')
    expect((await list(owner)).map(({ id }) => id)).toEqual([second.id])
    await expect(join(person, first.token)).rejects.toMatchObject(unknown)
    await owner.call(rpc.revokeInvitation, { invitation_id: second.id })
    await expect(join(person, second.token)).rejects.toMatchObject(unknown)
    const third = await world.invite(owner, person.email)
    await world.query("update invitations set expires_at = now() - interval '1 second' where id = $1", [
      third.id,
    ])
    await expect(join(person, third.token)).rejects.toMatchObject({ code: 'EXPIRED' })
    expect((await world.again(person)).caller.org_id).toBe(person.caller.org_id)
  })

  test('taken up twice at once makes one member', async () => {
    const [owner, person] = await Promise.all([world.owner(), world.owner()])
    const { token } = await world.invite(owner, person.email)
    const results = await Promise.allSettled([join(person, token), join(person, token), join(person, token)])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
    for (const each of results) if (each.status === 'rejected') expect(each.reason).toMatchObject(unknown)
  })

  test('taken up and taken back at once is one of the two', async () => {
    const [owner, person] = await Promise.all([world.owner(), world.owner()])
    const { token, id: invitation_id } = await world.invite(owner, person.email)
    const [joined, revoked] = await Promise.allSettled([
      join(person, token),
      owner.call(rpc.revokeInvitation, { invitation_id }),
    ])
    expect([joined.status, revoked.status].sort()).toEqual(['fulfilled', 'rejected'])
    const member = (await owner.call(rpc.listMembers, {})).items.some(
      ({ id }) => id === person.caller.user_id,
    )
    expect(member).toBe(joined.status === 'fulfilled')
  })

  test('for who is a member already is refused, when it is made and when it is taken up', async () => {
    const owner = await world.owner()
    const member = await world.colleague(owner, 'viewer')
    await expect(create(owner, member.email)).rejects.toMatchObject({ code: 'CONFLICT' })
    const next = address()
    const { token } = await world.invite(owner, next, 'admin')
    const changed = { user_id: member.caller.user_id, email: next, first_name: 'Ada', last_name: 'King' }
    await world.auth.publish(auth.evt.userChanged, changed, randomUUID())
    await world.owner()
    await expect(join(member, token)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect((await world.again(member)).caller.role).toBe('viewer')
  })

  test('tells nobody whether the address is a person’s', async () => {
    const [owner, stranger] = await Promise.all([world.owner(), world.owner()])
    const known = await create(owner, stranger.email)
    const nobody = await create(owner, address())
    const shape = ({ id: _1, email: _2, created_at: _3, expires_at: _4, ...rest }: typeof known) => rest
    expect(shape(known)).toEqual(shape(nobody))
    await expect
      .poll(
        async () => (await world.mails()).filter(({ id }) => [known.id, nobody.id].includes(id)).length,
        within,
      )
      .toBe(2)
  })

  test('as owner is made by owners only; an admin makes any other', async () => {
    const owner = await world.owner()
    const admin = await world.colleague(owner, 'admin')
    await expect(create(admin, address(), 'owner')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    expect((await create(admin, address(), 'admin')).role).toBe('admin')
    expect((await create(owner, address(), 'owner')).role).toBe('owner')
  })

  test('ends with the right of who made it', async () => {
    const owner = await world.owner()
    const [second, admin] = [await world.colleague(owner, 'owner'), await world.colleague(owner, 'admin')]
    const [asOwner, asViewer] = [await create(second, address(), 'owner'), await create(second, address())]
    const byAdmin = await create(admin, address())
    const ids = async () => (await list(owner)).map(({ id }) => id)
    await owner.call(rpc.updateMember, { user_id: second.caller.user_id, role: 'admin' })
    expect(await ids()).toEqual([byAdmin.id, asViewer.id])
    expect(await ids()).not.toContain(asOwner.id)
    await owner.call(rpc.removeMember, { user_id: admin.caller.user_id })
    expect(await ids()).toEqual([asViewer.id])
  })

  test('of another organisation is neither listed nor taken back', async () => {
    const [owner, stranger] = await Promise.all([world.owner(), world.owner()])
    const { id: invitation_id } = await create(owner, address())
    expect(await list(stranger)).toEqual([])
    await expect(stranger.call(rpc.revokeInvitation, { invitation_id })).rejects.toMatchObject(unknown)
    await owner.call(rpc.revokeInvitation, { invitation_id })
    await expect(owner.call(rpc.revokeInvitation, { invitation_id })).rejects.toMatchObject(unknown)
  })

  test('is one of a hundred open ones at most; those that have expired do not count', async () => {
    const owner = await world.owner()
    await world.query(
      `insert into invitations
       select gen_random_uuid(), $1::uuid, n || '@example.com', 'viewer', $1::text || n, null, now(), now() + interval '1 day'
       from generate_series(1, 100) n`,
      [owner.caller.org_id],
    )
    await expect(create(owner, address())).rejects.toMatchObject({ code: 'CONFLICT' })
    await create(owner, '7@example.com') // In the place of one that is there.
    await world.query(
      "update invitations set expires_at = now() - interval '1 day' where org_id = $1 and email = '8@example.com'",
      [owner.caller.org_id],
    )
    await create(owner, address())
    await expect(create(owner, address())).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('leaves one event for each of made, taken back and taken up, none of which names an address', async () => {
    const [owner, person] = await Promise.all([world.owner(), world.owner()])
    const first = await create(owner, address(), 'editor')
    await owner.call(rpc.revokeInvitation, { invitation_id: first.id })
    const { id, token } = await world.invite(owner, person.email)
    await join(person, token)
    const events = async () =>
      (await world.auditEvents()).filter(({ org_id }) => org_id === owner.caller.org_id)
    await expect
      .poll(async () => (await events()).map(({ method }) => method), within)
      .toEqual(['createInvitation', 'revokeInvitation', 'createInvitation', 'joinOrganization'])
    expect(JSON.stringify(await events())).not.toContain('@')
    expect((await events())[3]).toMatchObject({
      user_id: person.caller.user_id,
      arguments: { invitation_id: id, role: 'viewer' },
    })
  })
})
