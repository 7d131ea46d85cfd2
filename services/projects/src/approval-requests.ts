// What gateways ask of held calls: to hold one, to take the word of the person at the client, to use an approval up.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, ParsedInput } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { projects } from '@mcpshield/contracts/projects'
import { shownArguments, shownText } from './approval-arguments.ts'
import { ApprovalRow } from './approval-entity.ts'
import { inState, requirePending, stateAt } from './approval-states.ts'
import { giveWord, lockApproval, sealedAt } from './approvals.ts'
import type { ProjectRow } from './entities.ts'
import { tellPeople } from './people-to-tell.ts'
import type { Secrets } from './secrets.ts'
import { lockProject, projectOf, publishApproval, recordOf, rowsOfProject, type Store } from './store.ts'

type Names = 'requestApproval' | 'decideInClient' | 'useApproval'
type Deps = {
  store: Store
  secrets: Secrets
  /** Where people reach the dashboard, without a slash at its end. */
  webUrl: string
  now(): Date
}
type Request = ParsedInput<typeof projects.rpc.requestApproval>

const MAX_OPEN = 1_000
const MAIL_AGAIN_AFTER_MS = 60_000
const MAX_NAME_UNITS = 500

export function approvalRequestHandlers(deps: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  const { store, webUrl, now } = deps
  return {
    async requestApproval(request) {
      const { project_id, digest } = request
      const { rows, org_id } = await rowsOfProject(store, project_id)
      const at = now()
      const row = await rows.change(async (em) => {
        // Held: the same call asked for twice at once is held once.
        const project = await lockProject(em, org_id, project_id)
        const open = { $or: [inState('pending', at), inState('approved', at)] }
        const same = await em.findOne(ApprovalRow, { $and: [{ project_id, digest, open: true }, open] })
        if (same !== null) return same
        await requireRoom(em, project_id, open)
        return hold(em, deps, project, request, at)
      })
      return {
        approval_id: row.id,
        state: stateAt(row, at),
        expires_at: row.expires_at.toISOString(),
        url: addressOf(webUrl, row),
      }
    },

    async decideInClient({ project_id, approval_id, approve, note = null }, call) {
      const { rows, org_id } = await rowsOfProject(store, project_id)
      const at = now()
      await rows.change(async (em) => {
        const { approve_in_client } = await projectOf(em, org_id, project_id)
        const row = await lockApproval(em, project_id, approval_id)
        if (!approve_in_client) throw notInClient()
        requirePending(row, at)
        giveWord(em, row, { state: approve ? 'approved' : 'refused', by: null, note, at })
        const reason = `The person at the client ${approve ? 'approved' : 'refused'} a held call of ${row.tool}.`
        const given = { approval_id, decision_id: row.decision_id, tool: row.tool, note: row.note ?? null }
        const change = { method: 'decideInClient', projectId: project_id, reason, arguments: given }
        recordOf(em, call, { org_id, role: 'client' }, change, at)
        await em.flush()
      })
      return {}
    },

    async useApproval({ project_id, approval_id, digest }) {
      const { rows } = await rowsOfProject(store, project_id)
      const at = now()
      return rows.change(async (em) => {
        const row = await lockApproval(em, project_id, approval_id)
        requireUsable(row, digest, at)
        em.assign(row, { state: 'used', used_at: at, open: false })
        publishApproval(em, row.id)
        await em.flush()
        return { approved_by: row.decided_by ?? null }
      })
    },
  }
}

async function requireRoom(em: EntityManager, project_id: string, open: object): Promise<void> {
  if ((await em.count(ApprovalRow, { $and: [{ project_id, open: true }, open] })) < MAX_OPEN) return
  throw new AppError(
    'QUOTA_EXCEEDED',
    `There are ${MAX_OPEN} calls of this project that wait for a person: decide some of them, or let them expire.`,
    { type: 'too_many_approvals' },
  )
}

async function hold(
  em: EntityManager,
  { secrets, webUrl }: Deps,
  project: ProjectRow,
  request: Request,
  at: Date,
): Promise<ApprovalRow> {
  const id = randomUUIDv7()
  const { digest, policy_version, key_id, decision_id } = request
  const row = em.create(ApprovalRow, {
    id,
    project_id: project.id,
    org_id: project.org_id,
    state: 'pending',
    open: true,
    digest,
    method: shownText(request.method, MAX_NAME_UNITS),
    tool: shownText(request.tool, MAX_NAME_UNITS),
    shown_arguments: JSON.stringify(shownArguments(request.arguments)),
    sealed_arguments: await secrets.seal(em, project.org_id, sealedAt(id), request.arguments),
    rule: shownText(request.rule, MAX_NAME_UNITS),
    reason: shownText(request.reason),
    policy_version,
    agent: request.agent === null ? null : shownText(request.agent, MAX_NAME_UNITS),
    key_id,
    asked_by: request.user?.toWellFormed().replaceAll('\0', '\u{fffd}') ?? null,
    decision_id,
    created_at: at,
    expires_at: new Date(at.getTime() + request.timeout_ms),
    decided_at: null,
    decided_by: null,
    note: null,
    used_at: null,
  })
  publishApproval(em, id)
  await tellOf(em, project, row, addressOf(webUrl, row), at)
  await em.flush()
  return row
}

/** Mail to all who may decide; one a minute of a project, which leads to where the others are too. */
async function tellOf(
  em: EntityManager,
  project: ProjectRow,
  row: ApprovalRow,
  url: string,
  at: Date,
): Promise<void> {
  const last = project.approvals_mailed_at
  if (last && at.getTime() - last.getTime() < MAIL_AGAIN_AFTER_MS) return
  project.approvals_mailed_at = at
  const { tool, expires_at: expiresAt } = row
  await tellPeople(
    em,
    { orgId: project.org_id, right: 'change', expiresAt },
    {
      template: 'pending_approval',
      project: project.name,
      tool,
      agent: row.agent ?? null,
      url,
      expires_at: expiresAt.toISOString(),
    },
  )
}

const addressOf = (webUrl: string, { project_id, id }: ApprovalRow) =>
  `${webUrl}/app/projects/${project_id}/approvals/${id}`

function notInClient(): AppError {
  return new AppError(
    'PERMISSION_DENIED',
    'This project takes approvals from people who are signed in, not from the person at the client.',
  )
}

/** Throws unless this very call was approved, has not run, and is not too late. */
function requireUsable(row: ApprovalRow, digest: string, at: Date): void {
  const state = stateAt(row, at)
  if (state === 'expired') throw new AppError('EXPIRED', 'The approval is over.')
  if (state === 'used') throw new AppError('CONFLICT', 'The approval was used: it lets one call run, once.')
  if (state !== 'approved') throw new AppError('CONFLICT', `The call is not approved: it is ${state}.`)
  if (row.digest !== digest) throw new AppError('CONFLICT', 'The approval is of another call.')
}
