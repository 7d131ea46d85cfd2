// How many calls there are, and when: for the length of the list's scroll bar. By hour as far back as that goes.
import { json } from '@sveltejs/kit'
import { ingest } from '@mcpshield/contracts/ingest'
import { spansOf, type Counts } from '../counts.ts'
import { apiFilters, readFilters } from '../filters.ts'
import type { RequestHandler } from './$types'

const MOST = 1_000

export const GET: RequestHandler = async ({ locals, url }) => {
  const { filters } = readFilters((name) => url.searchParams.get(name), locals.timeZone)
  const nowMs = Date.now()
  const asked = apiFilters(filters, nowMs)
  const count = (group_by: 'hour' | 'day') =>
    locals.api(ingest.rpc.countAudits, { ...asked, group_by, limit: MOST })
  const hours = await count('hour')
  const calls = hours.total.count
  const isWhole =
    hours.items.length < MOST || hours.items.reduce((sum, { count: each }) => sum + each, 0) >= calls
  const spans = isWhole
    ? spansOf(hours.items, 'hour', asked, nowMs)
    : spansOf((await count('day')).items, 'day', asked, nowMs)
  return json({ calls, spans } satisfies Counts)
}
