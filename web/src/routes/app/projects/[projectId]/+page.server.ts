import { ingest } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import type { Api } from '#lib/server/api.ts'
import { fewAtOnce } from '../few-at-once.ts'
import { barsOf, failuresIn, spanOf } from './activity.ts'
import type { PageServerLoad } from './$types'

const PAGE = 200
const TAIL = 12
/** Rows of a table of the largest. */
const MOST = 8

export const load: PageServerLoad = async ({ locals, params, url }) => {
  const { api } = locals
  const project_id = params.projectId
  const span = spanOf(url.searchParams.get('span'), new Date())
  const counted = { project_id, from: span.from, limit: MOST }
  const [newest, denied, tools, agents, times, attention] = await Promise.all([
    api(ingest.rpc.listAudits, { project_id, from: span.from, limit: PAGE }),
    api(ingest.rpc.countAudits, { ...counted, group_by: 'rule', decision: 'deny' }),
    api(ingest.rpc.countAudits, { ...counted, group_by: 'tool' }),
    api(ingest.rpc.countAudits, { ...counted, group_by: 'agent' }),
    api(ingest.rpc.countAudits, { ...counted, group_by: span.by, limit: span.bars }),
    attentionOf(api, project_id),
  ])
  const calls = newest.items.filter(({ kind }) => kind !== 'admin')
  return {
    span: span.name,
    by: span.by,
    from: span.from,
    bars: barsOf(project_id, span, times.items, locals.timeZone),
    total: times.total,
    rules: denied.items.map(({ key, count, reason }) => ({ rule: key, calls: count, reason: reason ?? '' })),
    tools: tools.items,
    agents: agents.items.map(({ key, count, deny, last }) => ({
      agent: key === '' ? null : key,
      calls: count,
      denied: deny,
      last,
    })),
    failures: failuresIn(
      calls,
      attention.upstreams.map(({ slug }) => slug),
    ),
    tail: calls.slice(0, TAIL),
    attention,
  }
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
