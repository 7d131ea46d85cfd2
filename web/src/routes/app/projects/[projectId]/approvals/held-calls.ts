// Held calls with what is needed to decide them: the arguments as they will run, what they touch, and who asks.
import { ingest } from '@mcpshield/contracts/ingest'
import { projects, type Approval } from '@mcpshield/contracts/projects'
import { hasRight } from '@mcpshield/contracts/rights'
import type { Role } from '@mcpshield/contracts/caller'
import { factsOf, type Touched } from '#lib/calls/touched.ts'
import { ApiError, type Api } from '#lib/server/api.ts'

export type HeldCall = Approval & {
  /** Whether `arguments` are exactly those that will run; else secrets are taken out. */
  isExact: boolean
  /** Absent while the record of the decision is not there yet. */
  facts: Touched | undefined
}

const LOOKED_AT = 200

/** With its arguments and facts, as far as the person may see them. */
export async function heldCall(api: Api, role: Role, approval: Approval): Promise<HeldCall> {
  const { project_id, id: approval_id, decision_id } = approval
  const [exact, record] = await Promise.all([
    hasRight(role, 'change')
      ? orNothing(api(projects.rpc.getApproval, { project_id, approval_id }))
      : undefined,
    orNothing(api(ingest.rpc.getAudit, { id: decision_id })),
  ])
  const facts = record === undefined ? undefined : factsOf(record)
  return { ...(exact ?? approval), isExact: exact !== undefined, facts }
}

/** One held call by its id, for whoever may read the project; throws the API's refusal where there is none. */
export async function findHeldCall(
  api: Api,
  role: Role,
  ids: { project_id: string; approval_id: string },
): Promise<HeldCall> {
  if (hasRight(role, 'change')) return heldCall(api, role, await api(projects.rpc.getApproval, ids))
  const { items } = await api(projects.rpc.listApprovals, { project_id: ids.project_id, limit: LOOKED_AT })
  const found = items.find(({ id }) => id === ids.approval_id)
  if (found === undefined)
    throw new ApiError({ status: 404, type: 'not_found', detail: 'There is no such approval.' })
  return heldCall(api, role, found)
}

export type Names = {
  /** E-mail addresses of people by id. */
  people: Record<string, string>
  /** Names of API keys by id. */
  keys: Record<string, string>
}

export async function namesOf(api: Api, project_id: string): Promise<Names> {
  const [members, keys] = await Promise.all([
    orNothing(api(projects.rpc.listMembers, { limit: LOOKED_AT })),
    orNothing(api(projects.rpc.listKeys, { project_id, limit: LOOKED_AT })),
  ])
  return {
    people: Object.fromEntries(
      (members?.items ?? []).flatMap(({ id, email }) => (email === null ? [] : [[id, email]])),
    ),
    keys: Object.fromEntries((keys?.items ?? []).map(({ id, name }) => [id, name])),
  }
}

/** What cannot be read is left out: a held call has to be decided all the same. */
async function orNothing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (refused) {
    if (refused instanceof ApiError) return undefined
    throw refused
  }
}
