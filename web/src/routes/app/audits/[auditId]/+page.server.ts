import { ingest, type AuditRecord } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import { ApiError, type Api } from '#lib/server/api.ts'
import type { PageServerLoad } from './$types'

/** People, keys and approvals are looked for among so many. */
const LOOKED_AT = 200

export const load: PageServerLoad = async ({ locals, params }) => {
  const record = await locals.api(ingest.rpc.getAudit, { id: params.auditId })
  const [key, people, approvalId] = await Promise.all([
    keyOf(locals.api, record),
    peopleOf(locals.api, record),
    approvalOf(locals.api, record),
  ])
  return { record, key, people, approvalId }
}

/** What of the record's surroundings is gone or not to be seen is left out; the record is shown all the same. */
async function orNothing<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (refused) {
    if (refused instanceof ApiError) return undefined
    throw refused
  }
}

async function keyOf(api: Api, { project_id, key_id }: AuditRecord) {
  if (project_id === null || key_id === null) return undefined
  const listed = await orNothing(() => api(projects.rpc.listKeys, { project_id, limit: LOOKED_AT }))
  const found = listed?.items.find(({ id }) => id === key_id)
  return found === undefined ? undefined : { name: found.name, labels: found.labels }
}

async function peopleOf(api: Api, { user_id, approved_by }: AuditRecord): Promise<Record<string, string>> {
  if (user_id === null && approved_by === null) return {}
  const listed = await orNothing(() => api(projects.rpc.listMembers, { limit: LOOKED_AT }))
  return Object.fromEntries(
    (listed?.items ?? []).flatMap(({ id, email }) =>
      (id === user_id || id === approved_by) && email !== null ? [[id, email]] : [],
    ),
  )
}

async function approvalOf(api: Api, { id, project_id, decision }: AuditRecord): Promise<string | undefined> {
  if (project_id === null || decision !== 'ask') return undefined
  const listed = await orNothing(() => api(projects.rpc.listApprovals, { project_id, limit: LOOKED_AT }))
  return listed?.items.find((approval) => approval.decision_id === id)?.id
}
