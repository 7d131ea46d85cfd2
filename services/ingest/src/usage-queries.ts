// The questions asked of usage, by name. An event counts in the month it was received in, once, whatever names it.
import { chunksOf, IDS_IN_ONE_QUERY } from './queries.ts'
import { clickhouseTime } from './rows.ts'
import type { Scope } from './scope.ts'

export type Counts = { count: number; allow: number; deny: number; ask: number }
export type CountsOf<K> = Counts & { key: K }
export type Span = { fromMs: number; toMs: number }

export const NO_COUNTS: Counts = { count: 0, allow: 0, deny: 0, ask: 0 }

/** What usage can be grouped by, as an expression over its rows. Times are days: `2026-11-27`. */
const KEYS = {
  day: 'toString(toDate(received_at))',
  week: 'toString(toMonday(received_at))',
  month: "formatDateTime(received_at, '%Y-%m')",
  project: 'toString(project_id)',
  tool: 'tool',
  decision: "if(decision = '', 'report', decision)",
} as const
export type GroupBy = keyof typeof KEYS

const COUNTS = `count() AS count, countIf(decision = 'allow') AS allow, countIf(decision = 'deny') AS deny,
  countIf(decision = 'ask') AS ask`
const WITHIN = "received_at >= {from:DateTime64(3, 'UTC')} AND received_at < {to:DateTime64(3, 'UTC')}"
const within = ({ fromMs, toMs }: Span) => ({ from: clickhouseTime(fromMs), to: clickhouseTime(toMs) })

/** With which a month's running count begins. */
export async function selectCount(scope: Scope, span: Span): Promise<number> {
  const [row] = await scope.select<{ count: number }>(
    `SELECT count() AS count ${scope.usageUpToDate} AND ${WITHIN}`,
    within(span),
  )
  return row?.count ?? 0
}

export async function selectTotal(scope: Scope, span: Span, projectId: string | undefined): Promise<Counts> {
  const [row] = await scope.select<Counts>(
    `SELECT ${COUNTS} ${scope.usage} AND ${WITHIN} ${ofProject(projectId)}`,
    { ...within(span), project: projectId },
  )
  return row ?? NO_COUNTS
}

/** Counts by key, the largest first. */
export async function selectUsage(
  scope: Scope,
  span: Span,
  by: GroupBy,
  narrowed: { projectId: string | undefined; limit: number },
): Promise<CountsOf<string>[]> {
  const { projectId, limit } = narrowed
  return scope.select<CountsOf<string>>(
    `SELECT ${KEYS[by]} AS key, ${COUNTS} ${scope.usage} AND ${WITHIN}
    ${ofProject(projectId)}
  GROUP BY key ORDER BY count DESC, key LIMIT {limit:UInt32}`,
    { ...within(span), limit, project: projectId },
  )
}

const ofProject = (projectId: string | undefined) =>
  projectId === undefined ? '' : 'AND project_id = {project:UUID}'

/** Which of these ids have counted in a project, their own or as a decision that was named. */
export async function selectCounted(scope: Scope, projectId: string, ids: string[]): Promise<Set<string>> {
  const found = await Promise.all(
    chunksOf(ids, IDS_IN_ONE_QUERY).map((chunk) =>
      scope.select<{ counts_as: string }>(
        `SELECT counts_as ${scope.usageUpToDate} AND project_id = {project:UUID} AND counts_as IN {ids:Array(UUID)}`,
        { project: projectId, ids: chunk },
      ),
    ),
  )
  return new Set(found.flat().map((row) => row.counts_as))
}
