// Held calls as people see and decide them. Who asked never decides: not a key, and not the person behind its token.
import { LockMode } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { Approval, projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import type { Json } from './approval-arguments.ts'
import { ApprovalRow } from './approval-entity.ts'
import { inState, requirePending, stateAt } from './approval-states.ts'
import { PersonRow } from './entities.ts'
import { readPage } from './pages.ts'
import type { Secrets } from './secrets.ts'
import { found, projectOf, publishApproval, record, type Store } from './store.ts'

type Names = 'listApprovals' | 'getApproval' | 'approveCall' | 'refuseCall'
type Deps = { store: Store; secrets: Secrets; now(): Date }
type Word = { state: 'approved' | 'refused'; by: string | null; note: string | null; at: Date }

export function approvalHandlers({
  store,
  secrets,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  const decide =
    (
      method: 'approveCall' | 'refuseCall',
      state: Word['state'],
    ): Handlers<typeof projects.rpc, Call>[typeof method] =>
    async ({ project_id, approval_id, note = null }, call) => {
      const at = now()
      return store.of(orgOf(call, project_id)).change(async (em) => {
        const row = await lockApproval(em, project_id, approval_id)
        const by = await deciderOf(em, call, row)
        requirePending(row, at)
        giveWord(em, row, { state, by, note, at })
        recordWord(em, call, method, row, at)
        await em.flush()
        return asApproval(row, at)
      })
    }

  return {
    async listApprovals({ project_id, state, ...page }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      return store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        const where = { $and: [{ project_id }, state === undefined ? {} : inState(state, at)] }
        return readPage(em, ApprovalRow, where, 'id', page, (row) => asApproval(row, at), [
          'sealed_arguments',
        ])
      })
    },

    async getApproval({ project_id, approval_id }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        const row = found(await em.findOne(ApprovalRow, { id: approval_id, project_id }), 'approval')
        const exact = await secrets.open(em, org_id, sealedAt(row.id), row.sealed_arguments)
        return { ...asApproval(row, now()), arguments: exact as Json }
      })
    },

    approveCall: decide('approveCall', 'approved'),
    refuseCall: decide('refuseCall', 'refused'),
  }
}

/** Where an approval's arguments are sealed for. */
export const sealedAt = (id: string) => `approvals/${id}`

/** The approval, held until the transaction ends: of two who decide it, the second finds it decided. */
export async function lockApproval(em: EntityManager, project_id: string, id: string): Promise<ApprovalRow> {
  const lock = { lockMode: LockMode.PESSIMISTIC_WRITE }
  return found(await em.findOne(ApprovalRow, { id, project_id }, lock), 'approval')
}

/** Writes down what was said of a call, and tells whoever holds it. */
export function giveWord(em: EntityManager, row: ApprovalRow, { state, by, note, at }: Word): void {
  em.assign(row, { state, decided_at: at, decided_by: by, note: note === null ? null : storable(note) })
  publishApproval(em, row.id)
}

const storable = (text: string) => text.toWellFormed().replaceAll('\0', '\u{fffd}')

function orgOf({ caller }: Call, project_id: string): string {
  if (caller.kind !== 'key') return signedIn(caller).org_id
  // A key of another project is told as little as a stranger.
  if (caller.project_id !== project_id) throw new AppError('NOT_FOUND', 'There is no such project.')
  return caller.org_id
}

/** The person who decides, unless it is who asked. */
async function deciderOf(em: EntityManager, { caller }: Call, { asked_by }: ApprovalRow): Promise<string> {
  const refusal = new AppError(
    'PERMISSION_DENIED',
    'Who asked may not approve: a person who is signed in does.',
  )
  if (caller.kind === 'key') throw refusal
  const { user_id } = signedIn(caller)
  if (!asked_by) return user_id
  const person = await em.findOne(PersonRow, { user_id })
  // Of whom nothing is known yet, it is not known that it is not them.
  if (!person?.email || person.email === asked_by.toLowerCase()) throw refusal
  return user_id
}

function recordWord(em: EntityManager, call: Call, method: string, row: ApprovalRow, at: Date): void {
  const { id: approval_id, project_id, tool, decision_id, note } = row
  const reason = `${row.state === 'approved' ? 'Approved' : 'Refused'} a held call of ${tool}.`
  const given = { approval_id, decision_id, tool, note: note ?? null }
  record(em, call, { method, projectId: project_id, reason, arguments: given }, at)
}

export function asApproval(row: ApprovalRow, at: Date): Approval {
  return {
    id: row.id,
    project_id: row.project_id,
    state: stateAt(row, at),
    method: row.method,
    tool: row.tool,
    arguments: JSON.parse(row.shown_arguments) as Json,
    rule: row.rule,
    reason: row.reason,
    policy_version: row.policy_version,
    agent: row.agent ?? null,
    key_id: row.key_id ?? null,
    user: row.asked_by ?? null,
    decision_id: row.decision_id,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    decided_at: row.decided_at?.toISOString() ?? null,
    decided_by: row.decided_by ?? null,
    note: row.note ?? null,
  }
}
