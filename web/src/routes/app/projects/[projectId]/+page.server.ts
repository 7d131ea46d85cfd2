import { ingest, type AuditRecord } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import type { Api } from '#lib/server/api.ts'
import { fewAtOnce } from '../few-at-once.ts'
import { agentsIn, dayBars, failuresIn, hourBars, rulesIn, spanOf, type Bar, type Span } from './activity.ts'
import type { PageServerLoad } from './$types'

const PAGE = 200
/** So many calls are read one by one for the hours of a day; beyond, it is told by days. */
const MAX_READ = 1_000
const TAIL = 12

export const load: PageServerLoad = async ({ locals: { api }, params, url }) => {
  const project_id = params.projectId
  const span = spanOf(url.searchParams.get('span'), new Date())
  const [newest, denied, tools, byDay, attention] = await Promise.all([
    api(ingest.rpc.listAudits, { project_id, from: span.from, limit: PAGE }),
    api(ingest.rpc.listAudits, { project_id, from: span.from, decision: 'deny', limit: PAGE }),
    api(ingest.rpc.getUsageSummary, { project_id, days: span.days, group_by: 'tool' }),
    api(ingest.rpc.getUsageSummary, { project_id, days: span.days, group_by: 'day' }),
    attentionOf(api, project_id),
  ])
  const calls = newest.items.filter(({ kind }) => kind !== 'admin')
  const dayItems = byDay.items.map((item) => ({ ...item }))
  const hours =
    span.name === '24h' ? await hoursOf(api, project_id, span, newest.items, newest.next_cursor) : undefined
  const bars: Bar[] = hours ?? dayBars(project_id, dayItems)
  return {
    span: span.name,
    from: span.from,
    byHour: hours !== undefined,
    bars,
    total: hours === undefined ? byDay.total : sumOf(hours),
    rules: rulesIn(denied.items),
    deniedRead: denied.items.length,
    deniedComplete: denied.next_cursor === null,
    tools: tools.items.slice(0, 8),
    agents: agentsIn(calls),
    callsRead: calls.length,
    callsComplete: newest.next_cursor === null,
    failures: failuresIn(
      calls,
      attention.upstreams.map(({ slug }) => slug),
    ),
    tail: calls.slice(0, TAIL),
    attention,
  }
}

/** Undefined where there are too many calls to be read one by one. */
async function hoursOf(
  api: Api,
  project_id: string,
  span: Span,
  first: AuditRecord[],
  next: string | null,
): Promise<Bar[] | undefined> {
  const records = [...first]
  let cursor = next
  while (cursor !== null && records.length < MAX_READ) {
    const page = await api(ingest.rpc.listAudits, { project_id, from: span.from, limit: PAGE, cursor })
    records.push(...page.items)
    cursor = page.next_cursor
  }
  return cursor === null ? hourBars(project_id, span.from, records) : undefined
}

function sumOf(bars: Bar[]) {
  const sum = (of: 'allow' | 'deny' | 'ask') => bars.reduce((total, bar) => total + bar[of], 0)
  const [allow, deny, ask] = [sum('allow'), sum('deny'), sum('ask')]
  return { count: allow + deny + ask, allow, deny, ask }
}

async function attentionOf(api: Api, project_id: string) {
  const [pending, upstreams, connections, keys] = await Promise.all([
    api(projects.rpc.listApprovals, { project_id, state: 'pending', limit: PAGE }),
    api(projects.rpc.listUpstreams, { project_id, limit: PAGE }),
    api(projects.rpc.listConnections, { project_id, limit: 1 }),
    api(projects.rpc.listKeys, { project_id, limit: PAGE }),
  ])
  const quarantined = await fewAtOnce(upstreams.items, async ({ id, slug }) => {
    const { items } = await api(projects.rpc.listTools, { project_id, upstream_id: id, limit: PAGE })
    return items
      .filter(({ state }) => state === 'changed')
      .map(({ name }) => ({ upstreamId: id, slug, name }))
  })
  const now = new Date().toISOString()
  const usable = keys.items.filter(
    ({ revoked_at, killed, expires_at }) =>
      revoked_at === null && !killed && (expires_at === null || expires_at > now),
  )
  return {
    pending: pending.items.length,
    morePending: pending.next_cursor !== null,
    quarantined: quarantined.flat(),
    upstreams: upstreams.items.map(({ id, slug, oauth }) => ({
      id,
      slug,
      unauthorized: oauth?.state === 'needs_authorization',
    })),
    hasSystems: upstreams.items.length + connections.items.length > 0,
    hasKey: usable.length > 0 || keys.next_cursor !== null,
  }
}
