import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projects } from '@mcpshield/contracts/projects'
import { startWorld, within, type User, type World } from './world.ts'

const { rpc } = projects
let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const ofOrganization = async ({ caller: { org_id } }: User) =>
  (await world.auditEvents()).filter((event) => event.org_id === org_id)

describe('organisations', () => {
  test('who switches to and fro many times at once works in one of them', async () => {
    const [owner, person] = await Promise.all([world.owner(), world.owner()])
    const { token } = await world.invite(owner, person.email)
    await person.call(rpc.joinOrganization, { invitation_token: token })
    const ids = [owner.caller.org_id, person.caller.org_id]
    await Promise.all(
      Array.from({ length: 200 }, (_, each) =>
        person.call(rpc.switchOrganization, { organization_id: ids[each % 2]! }),
      ),
    )
    const { items } = await person.call(rpc.listOrganizations, {})
    expect(items.map(({ current }) => current)).toEqual([true, false])
    const current = await world.query('select 1 from members where user_id = $1 and current', [
      person.caller.user_id,
    ])
    expect(current).toHaveLength(1)
  })

  test('a person works in one of theirs at a time, and switches to no other’s', async () => {
    const [owner, stranger] = await Promise.all([world.owner(), world.owner()])
    const person = await world.owner()
    const { token } = await world.invite(owner, person.email, 'editor')
    await person.call(rpc.joinOrganization, { invitation_token: token })
    const list = async () =>
      (await person.call(rpc.listOrganizations, {})).items.map(({ id, role, current }) => ({
        id,
        role,
        current,
      }))
    const [own, joined] = [person.caller.org_id, owner.caller.org_id]
    expect(await list()).toEqual([
      { id: joined, role: 'editor', current: true },
      { id: own, role: 'owner', current: false },
    ])
    const switchTo = (organization_id: string) => person.call(rpc.switchOrganization, { organization_id })
    expect(await switchTo(own)).toMatchObject({ id: own, role: 'owner', current: true })
    expect(await list()).toEqual([
      { id: own, role: 'owner', current: true },
      { id: joined, role: 'editor', current: false },
    ])
    expect((await world.again(person)).caller).toMatchObject({ org_id: own, role: 'owner' })
    for (const id of [stranger.caller.org_id, randomUUID()])
      await expect(switchTo(id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect((await world.again(person)).caller.org_id).toBe(own)
  })

  test('a rename is seen by its members and in the record, and by no other organisation', async () => {
    const [owner, stranger] = await Promise.all([world.owner(), world.owner()])
    const viewer = await world.colleague(owner, 'viewer')
    const before = (await stranger.call(rpc.getOrganization, {})).name
    await owner.call(rpc.updateOrganization, { name: 'Engines & Co' })
    expect(await viewer.call(rpc.getOrganization, {})).toMatchObject({
      id: owner.caller.org_id,
      name: 'Engines & Co',
      role: 'viewer',
      current: true,
    })
    expect((await stranger.call(rpc.getOrganization, {})).name).toBe(before)
    for (const name of ['', ' ', '<b>', 'two\nlines'])
      await expect(owner.call(rpc.updateOrganization, { name })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      })
    await expect
      .poll(async () => (await ofOrganization(owner)).map(({ method }) => method), within)
      .toContain('updateOrganization')
  })

  test('its owners and admins are whom to tell of its matters, and nobody else', async () => {
    const owner = await world.owner()
    const admin = await world.colleague(owner, 'admin')
    await world.colleague(owner, 'editor')
    const { organization, user_ids } = await world.billing.call(rpc.listAdministrators, {
      org_id: owner.caller.org_id,
    })
    expect(organization).toBe((await owner.call(rpc.getOrganization, {})).name)
    expect(user_ids).toEqual([owner.caller.user_id, admin.caller.user_id])
    await expect(world.billing.call(rpc.listAdministrators, { org_id: randomUUID() })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})
