import { ingest } from '@mcpshield/contracts/ingest'
import { ApiError, type Api } from '#lib/server/api.ts'
import type { PageServerLoad } from './$types'

/** Among the newest records: changes by people and reports are records too. */
const LOOKED_AT = 100
const SHOWN_CALLS = 30
const ID = /^[0-9a-f-]{36}$/

export const load: PageServerLoad = async ({ locals: { api }, params, url }) => {
  const id = url.searchParams.get('call')
  const [recent, recorded] = await Promise.all([
    recentCalls(api, params.projectId),
    id === null || !ID.test(id) ? null : recordedCall(api, params.projectId, id),
  ])
  return { recent, recorded, isMissing: id !== null && recorded === null }
}

async function recentCalls(api: Api, projectId: string) {
  const { items } = await api(ingest.rpc.listAudits, { project_id: projectId, limit: LOOKED_AT })
  const calls = items.filter(({ kind }) => kind === 'decision').slice(0, SHOWN_CALLS)
  return calls.map(({ id, time, tool, decision }) => ({ id, time, tool, decision }))
}

async function recordedCall(api: Api, projectId: string, id: string) {
  try {
    const record = await api(ingest.rpc.getAudit, { id })
    return record.project_id === projectId && record.kind === 'decision' ? record : null
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}
