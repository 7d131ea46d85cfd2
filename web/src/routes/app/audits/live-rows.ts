// What happens now, out of the web server's stream: gathered for a moment, so that a flood draws once.
import { follow } from '#lib/live.ts'
import { isAmong, type Filters } from './filters.ts'
import { readRows, rowOf, type AuditRow } from './rows.ts'

export type Fresh = {
  /** Newest first. */
  rows: AuditRow[]
  /** What came of calls, by id. */
  changes: Map<string, Pick<AuditRow, 'outcome' | 'duration_ms'>>
}

type Options = {
  filters: Filters
  query: string
  onState: (state: 'connecting' | 'on') => void
  onFresh: (fresh: Fresh) => void
}

const GATHER_MS = 250
const MAX_GATHERED = 5_000
const CATCH_UP_AGAIN_MS = 3_000

/** Follows until the returned function is called. */
export function readLive({ filters, query, onState, onFresh }: Options): () => void {
  let rows: AuditRow[] = []
  let changes: Fresh['changes'] = new Map()
  let timer: ReturnType<typeof setTimeout> | undefined
  let later: ReturnType<typeof setTimeout> | undefined
  let isOver = false

  const tell = () => {
    timer = undefined
    if (isOver) return
    const newest = rows.sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : a.id < b.id ? 1 : -1))
    onFresh({ rows: newest, changes })
    rows = []
    changes = new Map()
  }
  const gather = () => (timer ??= setTimeout(tell, GATHER_MS))

  // What was recorded since the list was read, or while the connection was gone; once more a little later, when what
  // was on its way into the record is there.
  const catchUp = () =>
    readRows(query, undefined).then(
      (page) => {
        rows.push(...page.rows)
        gather()
      },
      () => undefined,
    )
  const stop = follow(filters.project_id, {
    onState: (state) => {
      onState(state === 'open' ? 'on' : 'connecting')
      if (state !== 'open') return
      void catchUp()
      clearTimeout(later)
      later = setTimeout(() => void catchUp(), CATCH_UP_AGAIN_MS)
    },
    onDecision: (record) => {
      if (!isAmong(record, filters) || rows.length >= MAX_GATHERED) return
      rows.push(rowOf(record))
      gather()
    },
    onOutcome: ({ id, outcome, duration_ms }) => {
      changes.set(id, { outcome, duration_ms })
      gather()
    },
  })
  return () => {
    isOver = true
    clearTimeout(timer)
    clearTimeout(later)
    stop()
  }
}
