// Members of an organisation and their roles. Only owners make, change and remove owners, and one owner stays.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Role } from '@mcpshield/contracts/caller'
import type { Handlers, Output } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { projects } from '@mcpshield/contracts/projects'
import { hasRight, requireRight, signedIn, type SignedIn } from '@mcpshield/contracts/rights'
import { InvitationRow, MemberRow, OrganizationRow, PersonRow } from './entities.ts'
import { readPage } from './pages.ts'
import { askForHome, found, lockOrganization, record, type Store } from './store.ts'

type Names = 'listMembers' | 'updateMember' | 'removeMember'
type Deps = { store: Store; now(): Date }
type Member = Output<typeof projects.rpc.updateMember>

export function memberHandlers({ store, now }: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async listMembers(page, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        const { items, ...places } = await readPage(em, MemberRow, { org_id }, 'user_id', page, (row) => row)
        return { items: await asMembers(em, items), ...places }
      })
    },

    async updateMember({ user_id, role }, call) {
      const asker = signedIn(call.caller)
      return store.of(asker.org_id).change(async (em) => {
        const { actor, member } = await lockMember(em, asker, user_id)
        requireRight(actor, 'administer')
        if (member.role === 'owner' || role === 'owner') requireOwner(actor)
        if (member.role === 'owner' && role !== 'owner') await requireOtherOwner(em, member)
        if (member.role !== role) await changeRole(em, call, member, role, now())
        return asMember(em, member)
      })
    },

    async removeMember({ user_id }, call) {
      const asker = signedIn(call.caller)
      await store.of(asker.org_id).change(async (em) => {
        const { actor, member } = await lockMember(em, asker, user_id)
        if (user_id !== asker.user_id) requireRight(actor, 'administer')
        if (member.role === 'owner') {
          requireOwner(actor)
          await requireOtherOwner(em, member)
        }
        await remove(em, call, member, now())
      })
      return {}
    },
  }
}

/**
 * Holds the organisation and finds a member of it. The asker has the role that they have there now: it may have
 * been taken from them since their request was let in.
 */
async function lockMember(
  em: EntityManager,
  asker: SignedIn,
  user_id: string,
): Promise<{ actor: SignedIn; member: MemberRow }> {
  const actor = await lockAsMember(em, asker)
  return { actor, member: found(await em.findOne(MemberRow, { org_id: asker.org_id, user_id }), 'member') }
}

/** Holds the organisation; the answer is the asker with the role that they have there now. */
export async function lockAsMember(em: EntityManager, asker: SignedIn): Promise<SignedIn> {
  await lockOrganization(em, asker.org_id)
  const own = await em.findOne(MemberRow, { org_id: asker.org_id, user_id: asker.user_id })
  if (own === null)
    throw new AppError('PERMISSION_DENIED', 'You are not a member of this organisation any more.')
  return { ...asker, role: own.role }
}

export function requireOwner({ role }: SignedIn): void {
  if (role === 'owner') return
  throw new AppError(
    'PERMISSION_DENIED',
    `Your role here is ${role}; only owners make, change and remove owners.`,
  )
}

async function requireOtherOwner(em: EntityManager, { org_id, user_id }: MemberRow): Promise<void> {
  const others = await em.count(MemberRow, { org_id, role: 'owner', user_id: { $ne: user_id } })
  if (others > 0) return
  throw new AppError('CONFLICT', 'An organisation has at least one owner: make somebody else an owner first.')
}

async function changeRole(
  em: EntityManager,
  call: Call,
  member: MemberRow,
  role: Role,
  at: Date,
): Promise<void> {
  const { user_id, role: before } = member
  member.role = role
  await withdrawInvitations(em, member)
  const reason = `Made a member ${role}, who was ${before}.`
  const given = { user_id, role, before }
  record(em, call, { method: 'updateMember', projectId: null, reason, arguments: given }, at)
  await em.flush()
}

async function remove(em: EntityManager, call: Call, member: MemberRow, at: Date): Promise<void> {
  const { org_id, user_id, role } = member
  await withdrawInvitations(em, { org_id, user_id, role: null })
  await em.nativeDelete(MemberRow, { org_id, user_id })
  await em.nativeUpdate(OrganizationRow, { id: org_id, owner_user_id: user_id }, { owner_user_id: null })
  askForHome(em, user_id)
  const reason = user_id === signedIn(call.caller).user_id ? 'Left the organisation.' : 'Removed a member.'
  record(em, call, { method: 'removeMember', projectId: null, reason, arguments: { user_id, role } }, at)
  await em.flush()
}

/** Takes back the open invitations that a person could not make any more. */
async function withdrawInvitations(
  em: EntityManager,
  { org_id, user_id, role }: { org_id: string; user_id: string; role: Role | null },
): Promise<void> {
  if (role === 'owner') return
  const beyond = role !== null && hasRight(role, 'administer') ? { role: 'owner' as const } : {}
  await em.nativeDelete(InvitationRow, { org_id, invited_by: user_id, ...beyond })
}

/** As the API shows a member. Of whom `auth` has not told yet, only the id is known. */
export async function asMember(em: EntityManager, member: MemberRow): Promise<Member> {
  const [shown] = await asMembers(em, [member])
  return found(shown, 'member')
}

async function asMembers(em: EntityManager, members: MemberRow[]): Promise<Member[]> {
  const ids = members.map(({ user_id }) => user_id)
  const people = new Map(
    (await em.find(PersonRow, { user_id: { $in: ids } })).map((row) => [row.user_id, row]),
  )
  return members.map(({ user_id, role, created_at }) => {
    const person = people.get(user_id)
    return {
      id: user_id,
      email: person?.email ?? null,
      first_name: person?.first_name ?? null,
      last_name: person?.last_name ?? null,
      role,
      created_at: created_at.toISOString(),
    }
  })
}
