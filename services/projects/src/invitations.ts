// Invitations: a link by mail, good once, for seven days, and only for the person whose verified address it went to.
import { createHash, randomBytes, randomUUIDv7 } from 'node:crypto'
import { LockMode } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, Output } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { projects } from '@mcpshield/contracts/projects'
import { requireRight, signedIn } from '@mcpshield/contracts/rights'
import { InvitationRow, MemberRow, OrganizationRow, PersonRow } from './entities.ts'
import { takeMail } from './invitation-mails.ts'
import { asMember, lockAsMember, requireOwner } from './members.ts'
import { workIn } from './organizations.ts'
import { readPage } from './pages.ts'
import { askForMail, found, lockOrganization, record, type Store } from './store.ts'

type Names = 'createInvitation' | 'listInvitations' | 'revokeInvitation' | 'joinOrganization'
type Deps = {
  store: Store
  /** Where people reach the dashboard, without a slash at its end. */
  webUrl: string
  now(): Date
}

const GOOD_FOR_MS = 7 * 86_400_000
const MAX_OPEN = 100
const TOKEN_BYTES = 32

export function invitationHandlers({
  store,
  webUrl,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async createInvitation({ email, role }, call) {
      const asker = signedIn(call.caller)
      const at = now()
      const token = randomBytes(TOKEN_BYTES).toString('base64url')
      return store.of(asker.org_id).change(async (em) => {
        const actor = await lockAsMember(em, asker)
        requireRight(actor, 'administer')
        if (role === 'owner') requireOwner(actor)
        await requireNoMember(em, actor.org_id, email)
        await em.nativeDelete(InvitationRow, { org_id: actor.org_id, email })
        await requireRoom(em, actor.org_id, at)
        await takeMail(em, actor.org_id, email, at)
        const row = em.create(InvitationRow, {
          id: randomUUIDv7(),
          org_id: actor.org_id,
          email,
          role,
          token_digest: digestOf(token),
          invited_by: actor.user_id,
          created_at: at,
          expires_at: new Date(at.getTime() + GOOD_FOR_MS),
        })
        await mailTo(em, row, `${webUrl}/auth/accept-invitation?token=${token}`)
        const reason = `Invited somebody as ${role}.`
        const given = { invitation_id: row.id, role }
        record(em, call, { method: 'createInvitation', projectId: null, reason, arguments: given }, at)
        await em.flush()
        return asInvitation(row)
      })
    },

    async listInvitations(page, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read((em) => readPage(em, InvitationRow, { org_id }, 'id', page, asInvitation))
    },

    async revokeInvitation({ invitation_id }, call) {
      const { org_id } = signedIn(call.caller)
      await store.of(org_id).change(async (em) => {
        const row = found(await em.findOne(InvitationRow, { id: invitation_id, org_id }), 'invitation')
        const deleted = await em.nativeDelete(InvitationRow, { id: invitation_id, org_id })
        // Taken up in this very moment: what is done cannot be taken back.
        found(deleted === 0 ? null : row, 'invitation')
        const reason = `Took back an invitation as ${row.role}.`
        const given = { invitation_id, role: row.role }
        record(em, call, { method: 'revokeInvitation', projectId: null, reason, arguments: given }, now())
        await em.flush()
      })
      return {}
    },

    async joinOrganization({ invitation_token }, call) {
      const { user_id } = signedIn(call.caller)
      const digest = digestOf(invitation_token)
      return store.everywhere.change(async (em) => {
        const { org_id, role, id } = await lockInvitation(em, digest, user_id, now())
        if ((await em.count(MemberRow, { org_id, user_id })) > 0)
          throw new AppError('CONFLICT', 'You are a member of this organisation already.')
        const at = now()
        await em.nativeDelete(InvitationRow, { id })
        await em.insert(MemberRow, { user_id, org_id, role, current: true, created_at: at })
        await workIn(em, user_id, org_id)
        recordJoin(em, call, { org_id, role, id }, at)
        await em.flush()
        return asMember(em, await em.findOneOrFail(MemberRow, { user_id, org_id }))
      })
    },
  }
}

const digestOf = (token: string) => createHash('sha256').update(token).digest('hex')

/** Colleagues see each other's addresses anyway; of anybody else's nothing is told. */
async function requireNoMember(em: EntityManager, org_id: string, email: string): Promise<void> {
  const [member] = await em.execute<unknown[]>(
    'select 1 from members m join people p on p.user_id = m.user_id where m.org_id = ? and p.email = ?',
    [org_id, email],
  )
  if (member !== undefined) throw new AppError('CONFLICT', 'This address is a member’s already.')
}

async function requireRoom(em: EntityManager, org_id: string, at: Date): Promise<void> {
  if ((await em.count(InvitationRow, { org_id, expires_at: { $gt: at } })) < MAX_OPEN) return
  throw new AppError(
    'CONFLICT',
    `There are ${MAX_OPEN} open invitations: take some back, or wait until they are taken up.`,
  )
}

async function mailTo(em: EntityManager, row: InvitationRow, url: string): Promise<void> {
  const inviter = await em.findOne(PersonRow, { user_id: row.invited_by ?? '' })
  const organization = await em.findOneOrFail(OrganizationRow, { id: row.org_id })
  const name = [inviter?.first_name, inviter?.last_name].filter(Boolean).join(' ')
  const expires_at = row.expires_at.toISOString()
  askForMail(em, {
    id: row.id,
    to: { email: row.email },
    expires_at,
    mail: {
      template: 'invitation',
      organization: organization.name,
      inviter: name === '' ? 'A colleague' : name,
      role: row.role,
      url,
      expires_at,
    },
  })
}

/**
 * The invitation of a token, held until the transaction ends, if it was sent to this person's verified address: to
 * anybody else it is as good as none.
 */
async function lockInvitation(
  em: EntityManager,
  token_digest: string,
  user_id: string,
  at: Date,
): Promise<InvitationRow> {
  const what = 'invitation for you'
  const seen = found(await em.findOne(InvitationRow, { token_digest }), what)
  // Held too: were they deleted meanwhile, the membership would be left behind.
  const person = await em.findOne(PersonRow, { user_id }, { lockMode: LockMode.PESSIMISTIC_READ })
  found(person?.email === seen.email ? person : null, what)
  // The organisation first, as everywhere.
  await lockOrganization(em, seen.org_id)
  const lock = { lockMode: LockMode.PESSIMISTIC_WRITE, refresh: true }
  const row = found(await em.findOne(InvitationRow, { token_digest }, lock), what)
  if (row.expires_at <= at) throw new AppError('EXPIRED', 'This invitation has expired; ask for another one.')
  return row
}

/** In the record of the organisation that the person joins. */
function recordJoin(
  em: EntityManager,
  call: Call,
  { org_id, role, id }: Pick<InvitationRow, 'org_id' | 'role' | 'id'>,
  at: Date,
): void {
  const joined = { ...call, caller: { ...signedIn(call.caller), org_id, role } }
  const reason = `Joined the organisation as ${role}.`
  const given = { invitation_id: id, role }
  record(em, joined, { method: 'joinOrganization', projectId: null, reason, arguments: given }, at)
}

function asInvitation(row: InvitationRow): Output<typeof projects.rpc.createInvitation> {
  const { id, email, role, invited_by, created_at, expires_at } = row
  return {
    id,
    email,
    role,
    invited_by: invited_by ?? null,
    created_at: created_at.toISOString(),
    expires_at: expires_at.toISOString(),
  }
}
