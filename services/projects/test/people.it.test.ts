import { randomUUID } from 'node:crypto'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { projects } from '@mcpshield/contracts/projects'
import { watchSnapshots, type Snapshots } from '@mcpshield/pdp/snapshots'
import { log, startWorld, within, type User, type World } from './world.ts'

const { rpc } = projects
const stack = new AsyncDisposableStack()
let world: World
let snapshots: Snapshots
beforeAll(async () => {
  world = stack.use(await startWorld())
  snapshots = stack.use(await watchSnapshots(world.mcp, log))
})
afterAll(() => stack.disposeAsync())

const personOf = ({ caller, email }: User, first_name = 'Ada') => ({
  user_id: caller.user_id,
  email,
  first_name,
  last_name: 'Lovelace',
})
const registered = (user: User) => world.auth.publish(auth.evt.userRegistered, personOf(user), randomUUID())
const changed = (user: User, name: string) =>
  world.auth.publish(auth.evt.userChanged, personOf(user, name), randomUUID())
/** Deletes a person, and waits until that is known here. */
async function deleted({ caller: { user_id }, email }: User): Promise<void> {
  await world.auth.publish(auth.evt.userDeleted, { user_id, email }, randomUUID())
  await told()
}
/** Events come in order: when somebody who registers now is there, all before has been taken in. */
const told = () => world.owner()
const membership = (user: User) => world.rest.call(rpc.getMembership, { user_id: user.caller.user_id })
const organizationsOf = (user: User) =>
  world.query<{ id: string }>('select id from organizations where owner_user_id = $1', [user.caller.user_id])
const organizationDeleted = async (org_id: string) =>
  (await world.events(projects.evt.organizationDeleted.subject)).filter(
    (each) => (each as { org_id: string }).org_id === org_id,
  )

describe('people', () => {
  test('told of again have one organisation, which keeps its name and its members', async () => {
    const owner = await world.owner()
    const viewer = await world.colleague(owner, 'viewer')
    await owner.call(rpc.updateOrganization, { name: 'Engines' })
    await registered(owner)
    await registered(viewer)
    await told()
    expect(await organizationsOf(owner)).toHaveLength(1)
    expect(await viewer.call(rpc.getOrganization, {})).toMatchObject({ name: 'Engines', role: 'viewer' })
    expect((await world.again(viewer)).caller.org_id).toBe(owner.caller.org_id)
  })

  test('who were moved on from the organisation they registered with get no second one by an old event', async () => {
    const owner = await world.owner()
    const other = await world.colleague(owner, 'owner')
    const elsewhere = await world.owner()
    const { token } = await world.invite(elsewhere, owner.email, 'editor')
    await owner.call(rpc.joinOrganization, { invitation_token: token })
    await other.call(rpc.removeMember, { user_id: owner.caller.user_id })
    await registered(owner)
    await told()
    expect(await organizationsOf(owner)).toEqual([])
    expect(await membership(owner)).toEqual({ org_id: elsewhere.caller.org_id, role: 'editor' })
  })

  test('are called in lists as they call themselves now', async () => {
    const owner = await world.owner()
    await changed(owner, 'Augusta')
    await told()
    expect((await owner.call(rpc.listMembers, {})).items).toMatchObject([{ first_name: 'Augusta' }])
  })

  test('of an event from before there were last names are taken in', async () => {
    const raw = await world.nats.raw('auth')
    const user_id = randomUUID()
    const event = { user_id, email: `${user_id}@example.com`, first_name: 'Ada' }
    raw.publish(auth.evt.userRegistered.subject, JSON.stringify(event))
    await raw.flush()
    await raw.close()
    await told()
    expect(await world.rest.call(rpc.getMembership, { user_id })).toMatchObject({ role: 'owner' })
  })

  test('of an event that cannot be read are put among the dead letters, and hold up nobody', async () => {
    const raw = await world.nats.raw('auth')
    const nul = { user_id: randomUUID(), email: 'a@example.com', first_name: 'a\0b', last_name: '' }
    const texts = ['{', '{"user_id":1}', JSON.stringify(nul)]
    for (const text of texts) raw.publish(auth.evt.userRegistered.subject, text)
    await raw.flush()
    await raw.close()
    await told()
    const connection = await world.nats.raw('provision')
    const manager = await jetstreamManager(connection)
    const { state } = await manager.streams.info('DEAD', { subjects_filter: 'dead.evt.auth.>' })
    await connection.close()
    expect(state.messages).toBe(texts.length)
  })
})

describe('a deleted person', () => {
  test('takes along the organisation that only they were in: its projects, keys and everything stored', async () => {
    const owner = await world.owner()
    const { id: project_id } = await owner.call(rpc.createProject, { name: 'p' })
    const { api_key } = await owner.call(rpc.createKey, { project_id, name: 'k' })
    await owner.call(rpc.createInvitation, { email: `${randomUUID()}@example.com` })
    await expect.poll(() => snapshots.credential(api_key, new Date()), within).toBeDefined()
    await expect.poll(() => snapshots.project(project_id), within).toBeDefined()
    await deleted(owner)
    await expect.poll(() => snapshots.credential(api_key, new Date()), within).toBeUndefined()
    await expect.poll(() => snapshots.project(project_id), within).toBeUndefined()
    await expect
      .poll(() => organizationDeleted(owner.caller.org_id), within)
      .toEqual([{ org_id: owner.caller.org_id }])
    await expect.poll(() => world.everythingStored(), within).not.toContain(owner.caller.org_id)
    expect(await world.everythingStored()).not.toContain(owner.email)
    await expect(membership(owner)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('leaves the organisations that others are in, and their name at what they wrote there', async () => {
    const owner = await world.owner()
    const editor = await world.colleague(owner, 'editor')
    const { id: project_id } = await editor.call(rpc.createProject, { name: 'p' })
    const [own] = await organizationsOf(editor)
    await deleted(editor)
    const { items } = await owner.call(rpc.listMembers, {})
    expect(items.map(({ id }) => id)).toEqual([owner.caller.user_id])
    expect(await owner.call(rpc.getPolicy, { project_id })).toMatchObject({ version: 1, author_id: null })
    await expect.poll(() => organizationDeleted(own!.id), within).toEqual([{ org_id: own!.id }])
    expect(await organizationDeleted(owner.caller.org_id)).toEqual([])
  })

  test('is not named by what they made for the organisation, nor invited any more', async () => {
    const owner = await world.owner()
    const [admin, invited] = [await world.colleague(owner, 'admin'), await world.owner()]
    const policy_yaml = 'version: 1\nrules:\n  - { id: never, tool: "*", decision: deny }\n'
    await admin.call(rpc.saveOrganizationPolicy, { policy_yaml, if_match: '*' })
    const { id } = await admin.call(rpc.createInvitation, { email: `${randomUUID()}@example.com` })
    await owner.call(rpc.createInvitation, { email: invited.email })
    await deleted(admin)
    await deleted(invited)
    expect(await owner.call(rpc.getOrganizationPolicy, {})).toMatchObject({ version: 1, author_id: null })
    expect((await owner.call(rpc.listInvitations, {})).items).toMatchObject([{ id, invited_by: null }])
  })

  test('is not brought back by what is told late', async () => {
    const person = await world.owner()
    await deleted(person)
    await registered(person)
    await changed(person, 'Ghost')
    await told()
    await expect(membership(person)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(
      await world.query('select * from people where user_id = $1', [person.caller.user_id]),
    ).toMatchObject([{ email: null, first_name: null, last_name: null }])
    await deleted(person)
    expect(await organizationsOf(person)).toEqual([])
  })

  test('who was the last owner after all is followed by the admin of longest standing', async () => {
    const owner = await world.owner()
    const [editor, admin] = [await world.colleague(owner, 'editor'), await world.colleague(owner, 'admin')]
    await world.colleague(owner, 'admin')
    await deleted(owner)
    expect(await membership(admin)).toEqual({ org_id: owner.caller.org_id, role: 'owner' })
    expect(await membership(editor)).toMatchObject({ role: 'editor' })
    const { items } = await admin.call(rpc.listMembers, {})
    expect(items.filter(({ role }) => role === 'owner')).toHaveLength(1)
  })

  test('who was the last owner, and left no admin, is followed by who may most', async () => {
    const owner = await world.owner()
    const viewer = await world.colleague(owner, 'viewer')
    const editor = await world.colleague(owner, 'editor')
    await deleted(owner)
    expect(await membership(editor)).toMatchObject({ role: 'owner' })
    expect(await membership(viewer)).toMatchObject({ role: 'viewer' })
  })
})
