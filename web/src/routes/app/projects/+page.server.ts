import { ingest } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import type { Api } from '#lib/server/api.ts'
import { fewAtOnce } from './few-at-once.ts'
import type { PageServerLoad } from './$types'

const SHOWN = 200
const RECENT_DAYS = 30
/** A held call waits seven days at most. */
const WAIT_DAYS = 8

type Counts = Map<string, { count: number; deny: number; ask: number }>

export const load: PageServerLoad = async ({ locals: { api }, url }) => {
  const cursor = url.searchParams.get('cursor')
  const [listed, today, waiting, recent] = await Promise.all([
    api(projects.rpc.listProjects, { limit: SHOWN, ...(cursor === null ? {} : { cursor }) }),
    countsByProject(api, 1),
    countsByProject(api, WAIT_DAYS),
    countsByProject(api, RECENT_DAYS),
  ])
  const lastCalls = await lastCallTimes(
    api,
    listed.items.map(({ id }) => id).filter((id) => (recent.get(id)?.count ?? 0) > 0),
  )
  const items = await fewAtOnce(listed.items, async (project) => ({
    ...project,
    today: today.get(project.id)?.count ?? 0,
    deniedToday: today.get(project.id)?.deny ?? 0,
    pending: (waiting.get(project.id)?.ask ?? 0) === 0 ? 0 : await pendingOf(api, project.id),
    lastCall: lastCalls.get(project.id),
  }))
  return {
    items,
    next: listed.next_cursor,
    previous: listed.prev_cursor,
    startOfToday: `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`,
    q: url.searchParams.get('q') ?? '',
  }
}

async function countsByProject(api: Api, days: number): Promise<Counts> {
  const { items } = await api(ingest.rpc.getUsageSummary, { days, group_by: 'project' })
  return new Map(items.map(({ key, ...counts }) => [key, counts]))
}

/** One page of the newest records tells most; what is not among them is asked for by project. */
async function lastCallTimes(api: Api, projectIds: string[]): Promise<Map<string, string>> {
  const times = new Map<string, string>()
  if (projectIds.length === 0) return times
  const note = (records: { kind: string; project_id: string | null; time: string }[]) => {
    for (const { kind, project_id: id, time } of records)
      if (kind !== 'admin' && id !== null && !times.has(id)) times.set(id, time)
  }
  note((await api(ingest.rpc.listAudits, { limit: 200 })).items)
  await fewAtOnce(
    projectIds.filter((id) => !times.has(id)),
    async (project_id) => note((await api(ingest.rpc.listAudits, { project_id, limit: 20 })).items),
  )
  return times
}

async function pendingOf(api: Api, project_id: string): Promise<number> {
  const { items } = await api(projects.rpc.listApprovals, { project_id, state: 'pending', limit: SHOWN })
  return items.length
}
