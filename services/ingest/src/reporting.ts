// reportEvents: recorded for good before the answer, and counted once however often it is reported.
import type { AuditPublisher } from '@mcpshield/bus/audit'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { ingest, ReportedEvent } from '@mcpshield/contracts/ingest'
import type { PlanLimits } from '@mcpshield/contracts/plans'
import type { Counter } from './counter.ts'
import { monthName, monthOf } from './months.ts'
import { DECISION_MARK_S, REPORT_MARK_S, type Counting, type Counts } from './redis.ts'
import { checkTimes, reportedRecord, reportId, type PathOf, type Reporter } from './reports.ts'

export type ReportingDeps = {
  audit: AuditPublisher
  counter: Pick<Counter, 'count' | 'read'>
  marks: Pick<Counts, 'marked' | 'remember'>
  /** Which of these ids have counted in the project, as ClickHouse has it. */
  countedBefore: (orgId: string, projectId: string, ids: string[]) => Promise<Set<string>>
  limitsOf: (orgId: string) => PlanLimits
  now: () => Date
  /** What may be on its way to the stream at once, roughly in bytes. */
  maxUnitsInFlight?: number
}

/** About 20,000 small events. */
const MAX_UNITS_IN_FLIGHT = 32 << 20
const RETRY_AFTER_MS = 1_000
/** Below the deadline of the call, so that the answer can say why. */
const RECORD_WITHIN_MS = 5_000
/** Marks are asked for what is certainly younger than they get; ClickHouse for the rest. */
const SLACK_MS = 10 * 60_000

/** One event that may be new. */
type Candidate = { event: ReportedEvent; at: number; id: string; countsAs: string }

export function reportingService(
  deps: ReportingDeps,
): Pick<Handlers<typeof ingest.rpc, Call>, 'reportEvents'> {
  const { maxUnitsInFlight = MAX_UNITS_IN_FLIGHT } = deps
  let unitsInFlight = 0

  /** Publishes them all, or none when there is no room. */
  async function record(candidates: Candidate[], reporter: Reporter, pathOf: PathOf): Promise<void> {
    const records = candidates.map(({ event, id, at }) => reportedRecord(event, id, reporter, pathOf(at)))
    const units = records.reduce((sum, each) => sum + each.units, 0)
    if (unitsInFlight > 0 && unitsInFlight + units > maxUnitsInFlight)
      throw new AppError(
        'RATE_LIMITED',
        'More events come than can be stored. Send these again in a moment.',
        {
          retry_after_ms: RETRY_AFTER_MS,
        },
      )
    unitsInFlight += units
    try {
      const options = { deadlineMs: RECORD_WITHIN_MS }
      // All of them are waited for: what is still being sent keeps its room.
      const sent = await Promise.allSettled(records.map((each) => deps.audit.record(each.record, options)))
      const failed = sent.find((each) => each.status === 'rejected')
      if (failed !== undefined) throw unrecorded(failed.reason)
    } finally {
      unitsInFlight -= units
    }
  }

  return {
    async reportEvents(input, { caller }) {
      if (caller.kind !== 'key')
        throw new AppError('UNAUTHENTICATED', 'Report events with the API key of a project.')
      const events = 'events' in input ? input.events : [input]
      const pathOf: PathOf = 'events' in input ? (at) => `events.${at}.` : () => ''
      const nowMs = deps.now().getTime()
      checkTimes(events, nowMs, pathOf)
      const month = monthOf(nowMs)
      const fresh = await unknownOf(deps, candidatesOf(events, caller), caller, nowMs)
      await record(fresh, caller, pathOf)
      const { accepted, count } = await countFresh(deps, fresh, caller, month)
      const limit = deps.limitsOf(caller.org_id).max_events_per_month
      const usage = { month: monthName(month), count, limit }
      const warning = warningOf(usage)
      return {
        accepted,
        duplicates: events.length - accepted,
        usage,
        ...(warning === undefined ? {} : { warning }),
      }
    },
  }
}

/** The first of each event, and of each decision that is named. */
function candidatesOf(events: ReportedEvent[], { project_id }: Reporter): Candidate[] {
  const seen = new Set<string>()
  const candidates: Candidate[] = []
  for (const [at, event] of events.entries()) {
    const id = reportId(project_id, event.event_id)
    const countsAs = event.decision_id?.toLowerCase() ?? id
    if (!seen.has(id) && !seen.has(countsAs)) candidates.push({ event, at, id, countsAs })
    seen.add(id).add(countsAs)
  }
  return candidates
}

/** Those that neither Redis nor, where that has forgotten, ClickHouse knows. */
async function unknownOf(
  deps: ReportingDeps,
  candidates: Candidate[],
  { org_id, project_id }: Reporter,
  nowMs: number,
): Promise<Candidate[]> {
  const ids = candidates.flatMap(({ id, countsAs }) => (id === countsAs ? [id] : [id, countsAs]))
  const marks = await deps.marks.marked(project_id, ids)
  const marked = new Set(ids.filter((_, at) => marks[at]))
  const unmarked = candidates.filter(({ id, countsAs }) => !marked.has(id) && !marked.has(countsAs))
  const forgotten = unmarked.filter((each) => mayBeForgotten(each, nowMs))
  if (forgotten.length === 0) return unmarked
  const counted = await deps.countedBefore(
    org_id,
    project_id,
    forgotten.map((each) => each.countsAs),
  )
  return unmarked.filter(({ countsAs }) => !counted.has(countsAs))
}

/** Whether it may have counted so long ago that its mark has gone. */
function mayBeForgotten({ event, id, countsAs }: Candidate, nowMs: number): boolean {
  if (Date.parse(event.timestamp) < nowMs - REPORT_MARK_S * 1_000 + SLACK_MS) return true
  return id !== countsAs && decidedMs(countsAs) < nowMs - DECISION_MARK_S * 1_000 + SLACK_MS
}

/** When a decision was made, as its id tells; long ago when it does not. */
function decidedMs(id: string): number {
  return id[14] === '7' ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : 0
}

async function countFresh(
  { counter, marks }: ReportingDeps,
  fresh: Candidate[],
  { org_id, project_id: projectId }: Reporter,
  month: number,
): Promise<{ accepted: number; count: number }> {
  const claimed = ({ countsAs }: Pick<Candidate, 'countsAs'>): Counting => {
    return { projectId, countsAs, month, as: 'claimed' }
  }
  const [first, ...rest] = fresh.map(claimed)
  if (first === undefined) return { accepted: 0, count: await counter.read(org_id, month) }
  // A report that names a decision is known by its own id as well.
  const named = fresh.filter(({ id, countsAs }) => id !== countsAs)
  const [{ counted, total }] = await Promise.all([
    counter.count(org_id, [first, ...rest]),
    marks.remember(named.map(({ id }) => claimed({ countsAs: id }))),
  ])
  return { accepted: counted.filter((each) => each === 'counted').length, count: total }
}

function unrecorded(cause: unknown): AppError {
  return new AppError('UNAVAILABLE', 'The events could not be recorded. Send them again.', {
    retry_after_ms: RETRY_AFTER_MS,
    cause,
  })
}

/** Said from 80 percent of the plan's events on. */
export function warningOf(usage: { month: string; count: number; limit: number | null }): string | undefined {
  const { month, count, limit } = usage
  if (limit === null || count * 100 < limit * 80) return undefined
  const [used, of] = [count.toLocaleString('en'), limit.toLocaleString('en')]
  if (count < limit) return `${used} of the ${of} events that the plan includes in ${month} are used.`
  return `The ${of} events that the plan includes in ${month} are used up: ${used} so far. Calls are still decided and recorded.`
}
