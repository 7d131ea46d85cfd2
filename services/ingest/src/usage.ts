// What an organisation has used, from ClickHouse: by month, and summed up over the last days.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { ingest } from '@mcpshield/contracts/ingest'
import type { PlanLimits } from '@mcpshield/contracts/plans'
import { signedIn } from '@mcpshield/contracts/rights'
import { monthName, monthOf, monthSpan } from './months.ts'
import { NO_COUNTS, type Counts, type CountsOf, type GroupBy, type Span } from './usage-queries.ts'

/** One organisation's usage. */
export type Usage = {
  total(span: Span, projectId: string | undefined): Promise<Counts>
  by(
    span: Span,
    group: GroupBy,
    narrowed: { projectId: string | undefined; limit: number },
  ): Promise<CountsOf<string>[]>
}

export type UsageDeps = {
  usageOf: (orgId: string) => Usage
  limitsOf: (orgId: string) => PlanLimits
  now: () => Date
}

type UsageHandlers = Pick<
  Handlers<typeof ingest.rpc, Call>,
  'getMonthlyUsage' | 'getUsageSummary' | 'countEvents'
>

const DAY_MS = 86_400_000
const MAX_ITEMS = 1_000

export function usageService({ usageOf, limitsOf, now }: UsageDeps): UsageHandlers {
  return {
    async getMonthlyUsage({ months }, { caller }) {
      const orgId = signedIn(caller).org_id
      const latest = monthOf(now().getTime())
      const span = { fromMs: monthSpan(latest - months + 1).fromMs, toMs: monthSpan(latest).toMs }
      const found = await usageOf(orgId).by(span, 'month', { projectId: undefined, limit: MAX_ITEMS })
      const limit = limitsOf(orgId).max_events_per_month
      const names = Array.from({ length: months }, (_, back) => monthName(latest - back))
      const items = atKeys(names, found).map(({ key, ...counts }) => ({ ...counts, month: key, limit }))
      return { items, next_cursor: null, prev_cursor: null }
    },

    async getUsageSummary({ days, group_by, project_id }, { caller }) {
      const nowMs = now().getTime()
      const span = { fromMs: startOfDay(nowMs) - (days - 1) * DAY_MS, toMs: nowMs + 1 }
      const usage = usageOf(signedIn(caller).org_id)
      const [total, found] = await Promise.all([
        usage.total(span, project_id),
        usage.by(span, group_by, { projectId: project_id, limit: MAX_ITEMS }),
      ])
      const keys = keysWithin(span, group_by)
      return {
        from: new Date(span.fromMs).toISOString(),
        to: new Date(nowMs).toISOString(),
        group_by,
        total,
        items: keys === undefined ? found : atKeys(keys, found),
      }
    },

    async countEvents({ org_id, from, to }, { caller }) {
      if (caller.kind !== 'service') throw new AppError('PERMISSION_DENIED', 'This is for our own services.')
      const span = { fromMs: inTable(from), toMs: inTable(to) }
      return { count: (await usageOf(org_id).total(span, undefined)).count }
    },
  }
}

/** One item for each key, in their order. */
function atKeys(keys: string[], found: CountsOf<string>[]): CountsOf<string>[] {
  const known = new Map(found.map((each) => [each.key, each]))
  return keys.map((key) => ({ ...NO_COUNTS, ...known.get(key), key }))
}

/** Every time of the span in order, also those in which nothing happened; undefined for what is not a time. */
export function keysWithin({ fromMs, toMs }: Span, by: GroupBy): string[] | undefined {
  if (by !== 'day' && by !== 'week' && by !== 'month') return undefined
  const keys = new Set<string>()
  for (let ms = startOfDay(fromMs); ms < toMs; ms += DAY_MS) keys.add(keyAt(ms, by))
  return [...keys]
}

function keyAt(dayMs: number, by: 'day' | 'week' | 'month'): string {
  if (by === 'month') return monthName(monthOf(dayMs))
  const sinceMonday = (new Date(dayMs).getUTCDay() + 6) % 7
  return new Date(by === 'day' ? dayMs : dayMs - sinceMonday * DAY_MS).toISOString().slice(0, 10)
}

const startOfDay = (ms: number) => ms - (ms % DAY_MS)

/** Within what a time column holds. */
const inTable = (time: string) => Math.min(Math.max(Date.parse(time), 0), Date.UTC(2299, 11, 31))
