// More rows of the list, for who scrolls: beyond a cursor, before a moment, or the oldest.
import { error, json } from '@sveltejs/kit'
import { ingest } from '@mcpshield/contracts/ingest'
import { apiFilters, readFilters } from '../filters.ts'
import { oldestPage, pageBefore, type List, type Listed } from '../oldest-page.server.ts'
import { rowOf, type RowsPage } from '../rows.ts'
import type { RequestHandler } from './$types'

const ROWS = 200

export const GET: RequestHandler = async ({ locals, url }) => {
  const { filters } = readFilters((name) => url.searchParams.get(name), locals.timeZone)
  // One moment for all questions: a span that moves on would not hold its cursors together.
  const asked = apiFilters(filters, Date.now())
  const list: List = (more) =>
    locals.api(ingest.rpc.listAudits, { ...asked, ...more, ...earlier(asked.to, more.to) })
  const { items, prev_cursor, next_cursor } = await page(list, url.searchParams)
  return json({ rows: items.map(rowOf), newer: prev_cursor, older: next_cursor } satisfies RowsPage)
}

function page(list: List, search: URLSearchParams): Promise<Listed> {
  const cursor = search.get('cursor')
  const before = search.get('before')
  if (search.has('end')) return oldestPage(list, ROWS)
  if (before === null) return list({ limit: ROWS, ...(cursor === null ? {} : { cursor }) })
  if (Number.isNaN(Date.parse(before))) error(400, 'This is no moment.')
  return pageBefore(list, before, ROWS)
}

/** The reader's own end of the range stays one. */
function earlier(to: string | undefined, or: string | undefined): { to?: string } {
  const ends = [to, or].filter((each) => each !== undefined).sort()
  return ends[0] === undefined ? {} : { to: ends[0] }
}
