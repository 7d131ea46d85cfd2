// More rows of the list, for who scrolls.
import { json } from '@sveltejs/kit'
import { ingest } from '@mcpshield/contracts/ingest'
import { apiFilters, readFilters } from '../filters.ts'
import { rowOf, type RowsPage } from '../rows.ts'
import type { RequestHandler } from './$types'

const ROWS = 200

export const GET: RequestHandler = async ({ locals, url }) => {
  const { filters } = readFilters((name) => url.searchParams.get(name), locals.timeZone)
  const cursor = url.searchParams.get('cursor')
  const listed = await locals.api(ingest.rpc.listAudits, {
    ...apiFilters(filters, Date.now()),
    limit: ROWS,
    ...(cursor === null ? {} : { cursor }),
  })
  return json({ rows: listed.items.map(rowOf), next: listed.next_cursor } satisfies RowsPage)
}
