import { ingest } from '@mcpshield/contracts/ingest'
import { ApiError } from '#lib/server/api.ts'
import { apiFilters, queryOf, readFilters, type Filters } from './filters.ts'
import { rowOf, type RowsPage } from './rows.ts'
import type { LayoutServerLoad } from './$types'

/** As many as a tall window shows; the rest is read while one scrolls. */
const FIRST_ROWS = 50

// Parameters are read one by one: going to a record and back does not read the list anew.
export const load: LayoutServerLoad = async ({ locals, url, depends }) => {
  depends('app:audits')
  const { filters, errors } = readFilters((name) => url.searchParams.get(name), locals.timeZone)
  const cursor = url.searchParams.get('cursor') ?? undefined
  const query = queryOf(filters)
  if (Object.keys(errors).length > 0) return { filters, query, errors, message: undefined, first: nothing() }
  try {
    const listed = await locals.api(ingest.rpc.listAudits, {
      ...apiFilters(filters, Date.now()),
      limit: FIRST_ROWS,
      ...(cursor === undefined ? {} : { cursor }),
    })
    // A list that is opened at a cursor begins there: without scripts it is paged.
    const first: First = {
      rows: listed.items.map(rowOf),
      newer: null,
      older: listed.next_cursor,
      previous: listed.prev_cursor,
      isNewest: cursor === undefined,
    }
    return { filters, query, errors, message: undefined, first }
  } catch (refused) {
    if (!(refused instanceof ApiError) || refused.status !== 400) throw refused
    return { filters, query, errors: refused.errors, message: refused.message, first: nothing() }
  }
}

type First = RowsPage & { previous: string | null; isNewest: boolean }

const nothing = (): First => ({ rows: [], newer: null, older: null, previous: null, isNewest: true })

export type { Filters }
