// Counts events exactly once, however often they come, and tells when an organisation nears its plan's limit.
// Nothing is counted where a month has no count yet: it begins with what ClickHouse has, and as every event is
// counted before it is stored, that is exactly what was counted before.
import { hash } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import type { PlanLimits } from '@mcpshield/contracts/plans'
import type { Log } from '@mcpshield/runtime/log'
import { monthName, monthOf } from './months.ts'
import type { Counted, Counting, Counts } from './redis.ts'
import type { DecisionRow, Rows, UsageRow } from './rows.ts'

export type UsageReached = { org_id: string; month: string; percent: 80 | 100; count: number; limit: number }

export type CounterDeps = {
  counts: Counts
  limitsOf: (orgId: string) => PlanLimits
  /** Events of a month that are in ClickHouse. */
  storedCount: (orgId: string, month: number) => Promise<number>
  /** A repeated id is one message. */
  tell: (reached: UsageReached, id: string) => Promise<void>
  log: Log
}

export type Counter = {
  /** Counts an organisation's events. Answers in their order; the total is the last one's month's. */
  count(orgId: string, events: [Counting, ...Counting[]]): Promise<{ counted: Counted[]; total: number }>
  /** The running count of a month. */
  read(orgId: string, month: number): Promise<number>
  /** Counts rows before they are stored, and leaves out reports of decisions that are there. */
  admit(rows: Rows): Promise<Rows>
  /** They are stored. */
  settle(rows: Rows): Promise<void>
  /** They cannot be stored. */
  takeBack(rows: Rows): Promise<void>
}

const PERCENTS = [100, 80] as const
/** A month that vanishes again and again is not begun for ever. */
const TRIES = 5

export function counter(deps: CounterDeps): Counter {
  const { counts } = deps
  /** What needs no asking: an organisation and month that have been told of everything. */
  const toldAll = new Set<string>()

  const count: Counter['count'] = async (orgId, events) => {
    for (let tries = 0; tries < TRIES; tries++) {
      const answer = await counts.count(orgId, events)
      if ('counted' in answer) {
        await warn(orgId, events.at(-1)!.month, answer.total)
        return answer
      }
      await begin(orgId, answer.missing)
    }
    throw uncountable()
  }

  async function begin(orgId: string, month: number): Promise<void> {
    await counts.begin(orgId, month, await deps.storedCount(orgId, month))
  }

  async function read(orgId: string, month: number): Promise<number> {
    for (let tries = 0; tries < TRIES; tries++) {
      const known = await counts.read(orgId, month)
      if (known !== undefined) return known
      await begin(orgId, month)
    }
    throw uncountable()
  }

  /** Failing to tell fails nothing else: the next event tells. */
  async function warn(orgId: string, month: number, known: number): Promise<void> {
    const limit = deps.limitsOf(orgId).max_events_per_month
    const percent = limit === null ? undefined : PERCENTS.find((each) => known * 100 >= limit * each)
    if (limit === null || percent === undefined || toldAll.has(`${orgId} ${month}`)) return
    try {
      const told = await counts.told(orgId, month)
      if (told >= 100) toldAll.add(`${orgId} ${month}`)
      if (told >= percent) return
      const reached = { org_id: orgId, month: monthName(month), percent, count: known, limit }
      await deps.tell(reached, hash('sha256', `usageReached ${orgId} ${reached.month} ${percent}`))
      await counts.setTold(orgId, month, percent)
    } catch (error) {
      deps.log.warn({ err: error, orgId }, 'usage not told')
    }
  }

  return {
    count,
    read,

    async admit(rows) {
      const repeated = new Set<string>()
      for (const [orgId, usage] of byOrganization(rows.usage)) {
        const { counted } = await count(orgId, countingsOf(usage))
        for (const [at, row] of usage.entries())
          if (row.rank === 1 && counted[at] === 'decided') repeated.add(keyOf(row))
      }
      return without(rows, repeated)
    },

    settle: (rows) => counts.settle(rows.usage.map(countingOf)),

    async takeBack(rows) {
      for (const [orgId, usage] of byOrganization(rows.usage)) await counts.uncount(orgId, countingsOf(usage))
    },
  }
}

const keyOf = (row: UsageRow) => `${row.project_id} ${row.counts_as}`

/** The rows without reports of decisions that are recorded. */
function without(rows: Rows, repeated: ReadonlySet<string>): Rows {
  if (repeated.size === 0) return rows
  const names = ({ project_id, decision_id }: DecisionRow) =>
    decision_id !== null && repeated.has(`${project_id} ${decision_id}`)
  return {
    decisions: rows.decisions.filter((row) => !names(row)),
    outcomes: rows.outcomes,
    usage: rows.usage.filter((row) => row.rank !== 1 || !repeated.has(keyOf(row))),
  }
}

function countingOf(row: UsageRow): Counting {
  const as = row.rank === 1 ? 'reported' : 'decided'
  return { projectId: row.project_id, countsAs: row.counts_as, month: monthOfRow(row), as }
}

const monthOfRow = (row: UsageRow) => monthOf(Date.parse(`${row.received_at.replace(' ', 'T')}Z`))

const countingsOf = (usage: [UsageRow, ...UsageRow[]]) => usage.map(countingOf) as [Counting, ...Counting[]]

/** Groups are never empty. */
function byOrganization(usage: UsageRow[]): Map<string, [UsageRow, ...UsageRow[]]> {
  return Map.groupBy(usage, (row) => row.org_id) as Map<string, [UsageRow, ...UsageRow[]]>
}

const uncountable = () =>
  new AppError('UNAVAILABLE', 'Events cannot be counted at the moment.', { retry_after_ms: 1_000 })
