// Organisations: each person who registers has one of their own, may be a member of others, and works in one of them.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Role } from '@mcpshield/contracts/caller'
import type { Handlers, Output } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'
import type { Call } from '@mcpshield/bus/rpc'
import { rolesWith, signedIn } from '@mcpshield/contracts/rights'
import { ApiKeyRow, MemberRow, OrganizationRow, ProjectRow } from './entities.ts'
import {
  found,
  lockOrganization,
  publishBelongings,
  publishKey,
  publishProject,
  record,
  tellOrganizationDeleted,
  type Store,
} from './store.ts'

type Names =
  | 'getOrganization'
  | 'updateOrganization'
  | 'listOrganizations'
  | 'switchOrganization'
  | 'getMembership'
  | 'listAdministrators'
  | 'checkDeparture'
type Deps = { store: Store; now(): Date }
type Organization = Output<typeof projects.rpc.getOrganization>
type Membership = { org_id: string; role: Role }

export function organizationHandlers({ store, now }: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async getOrganization(_input, call) {
      const { org_id, role } = signedIn(call.caller)
      const row = await store.of(org_id).read((em) => em.findOne(OrganizationRow, { id: org_id }))
      return asOrganization(found(row, 'organisation'), { role, current: true })
    },

    async updateOrganization({ name, killed }, call) {
      const { org_id, role } = signedIn(call.caller)
      return store.of(org_id).change(async (em) => {
        const row = await lockOrganization(em, org_id)
        if (name !== undefined && name !== row.name) rename(em, call, row, name, now())
        if (killed !== undefined && killed !== row.killed) await turnSwitch(em, call, row, killed, now())
        await em.flush()
        return asOrganization(row, { role, current: true })
      })
    },

    async listOrganizations(_input, call) {
      const { user_id } = signedIn(call.caller)
      const items = await store.everywhere.read(async (em) => {
        const memberships = await membershipsOf(em, user_id)
        const ids = memberships.map(({ org_id }) => org_id)
        const rows = new Map(
          (await em.find(OrganizationRow, { id: { $in: ids } })).map((row) => [row.id, row]),
        )
        return memberships.map(({ org_id, role }, index) =>
          asOrganization(found(rows.get(org_id), 'organisation'), { role, current: index === 0 }),
        )
      })
      return { items, next_cursor: null, prev_cursor: null }
    },

    async switchOrganization({ organization_id }, call) {
      const { user_id } = signedIn(call.caller)
      return store.everywhere.change(async (em) => {
        const membership = await em.findOne(MemberRow, { user_id, org_id: organization_id })
        const { role } = found(membership, 'organisation')
        await workIn(em, user_id, organization_id)
        const row = await em.findOneOrFail(OrganizationRow, { id: organization_id })
        return asOrganization(row, { role, current: true })
      })
    },

    async getMembership({ user_id }) {
      const [first] = await store.everywhere.read((em) => membershipsOf(em, user_id))
      return found(first, 'member')
    },

    async listAdministrators({ org_id }) {
      return store.of(org_id).read(async (em) => {
        const { name } = found(await em.findOne(OrganizationRow, { id: org_id }), 'organisation')
        const role = { $in: rolesWith('administer') }
        const members = await em.find(MemberRow, { org_id, role }, { orderBy: { created_at: 'asc' } })
        return { organization: name, user_ids: members.map((member) => member.user_id) }
      })
    },

    async checkDeparture({ user_id }) {
      const rows = await store.everywhere.read((em) => em.execute<{ name: string }[]>(NEEDED_SQL, [user_id]))
      return { needed_by: rows.map(({ name }) => name) }
    },
  }
}

/** Organisations whose only owner a person is, while there are other members. */
const NEEDED_SQL = `select o.name from organizations o join members m on m.org_id = o.id
  where m.user_id = ? and m.role = 'owner'
    and not exists (select 1 from members x where x.org_id = o.id and x.user_id <> m.user_id and x.role = 'owner')
    and exists (select 1 from members x where x.org_id = o.id and x.user_id <> m.user_id)
  order by o.id`

/** The one that the person chose to work in comes first; else their own, else the one they have been in longest. */
const MEMBERSHIPS_SQL = `select m.org_id, m.role from members m join organizations o on o.id = m.org_id
  where m.user_id = ?
  order by m.current desc, o.owner_user_id is not distinct from m.user_id desc, m.created_at, m.org_id`

/** A person's memberships; the first is where they work now. */
function membershipsOf(em: EntityManager, userId: string): Promise<Membership[]> {
  return em.execute<Membership[]>(MEMBERSHIPS_SQL, [userId])
}

/** From now on the person works in this one of their organisations. */
export async function workIn(em: EntityManager, userId: string, orgId: string): Promise<void> {
  // Held in one order: who switches to and fro at once would wait in a circle.
  await em.execute('select 1 from members where user_id = ? order by org_id for no key update', [userId])
  await em.execute('update members set current = (org_id = ?) where user_id = ?', [orgId, userId])
}

/** Makes an organisation of a person's own, unless they are in one. Asked twice, it is there once. */
export async function giveOrganization(
  em: EntityManager,
  { userId, firstName }: { userId: string; firstName: string | null },
  at: Date,
): Promise<void> {
  if ((await em.count(MemberRow, { user_id: userId })) > 0) return
  const name = firstName === null ? 'My organisation' : `${firstName.slice(0, 150)}’s organisation`
  const [made] = await em.execute<{ id: string }[]>(
    `insert into organizations (id, name, owner_user_id, created_at, updated_at) values (?, ?, ?, ?, ?)
     on conflict (owner_user_id) do nothing returning id`,
    [randomUUIDv7(), name, userId, at.toISOString(), at.toISOString()],
  )
  if (made === undefined) return
  const member = { user_id: userId, org_id: made.id, role: 'owner' as const, current: true, created_at: at }
  await em.insert(MemberRow, member)
}

/** Deletes an organisation with everything in it, at decision points and in the record too. */
export async function deleteOrganization(em: EntityManager, org_id: string): Promise<void> {
  for (const { id } of await em.find(ProjectRow, { org_id }, { fields: ['id'] })) publishProject(em, id)
  await publishBelongings(em, { org_id })
  for (const { digest } of await em.find(ApiKeyRow, { org_id }, { fields: ['digest'] }))
    publishKey(em, digest)
  tellOrganizationDeleted(em, { org_id })
  await em.flush()
  await em.nativeDelete(OrganizationRow, { id: org_id })
}

function rename(em: EntityManager, call: Call, row: OrganizationRow, name: string, at: Date): void {
  em.assign(row, { name, updated_at: at })
  const reason = `Renamed the organisation to ${name}.`
  record(em, call, { method: 'updateOrganization', projectId: null, reason, arguments: { name } }, at)
}

/** Turns the kill switch, in every project of the organisation. */
async function turnSwitch(
  em: EntityManager,
  call: Call,
  row: OrganizationRow,
  killed: boolean,
  at: Date,
): Promise<void> {
  em.assign(row, { killed, updated_at: at })
  for (const { id } of await em.find(ProjectRow, { org_id: row.id }, { fields: ['id'] }))
    publishProject(em, id)
  const reason = killed
    ? 'Turned the kill switch on: every call of every project is denied.'
    : 'Turned the kill switch off.'
  record(em, call, { method: 'updateOrganization', projectId: null, reason, arguments: { killed } }, at)
}

function asOrganization(
  { id, name, killed, created_at, updated_at }: OrganizationRow,
  of: { role: Role; current: boolean },
): Organization {
  return {
    id,
    name,
    ...of,
    killed,
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  }
}
