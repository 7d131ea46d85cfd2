// simulatePolicy: a project's recorded calls decided by a draft, newest first, until all are looked at, there were
// enough, or the time is over. Nothing of it is recorded, and no limit is taken.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { ingest } from '@mcpshield/contracts/ingest'
import type { PlanLimits } from '@mcpshield/contracts/plans'
import type { Policy } from '@mcpshield/policy/schema'
import type { CallRow, CallSpan } from './simulate-queries.ts'
import { replayer } from './simulate-replay.ts'
import { sharedSlices, type Slices } from './simulate-slices.ts'
import { tally } from './simulate-tally.ts'

/** The calls of a span that come after one, newest first; none when there are no more. */
export type Calls = (span: CallSpan, after: CallRow | undefined) => Promise<CallRow[]>

export type SimulationDeps = {
  /** One organisation's. */
  callsOf(orgId: string): Calls
  limitsOf(orgId: string): PlanLimits
  now(): Date
  maxCalls?: number
  /** Milliseconds; less than the caller waits. */
  withinMs?: number
}

type Handler = Pick<Handlers<typeof ingest.rpc, Call>, 'simulatePolicy'>

const MAX_CALLS = 1_000_000
/** With the last page, which may take a while, less than `projects` waits. */
const WITHIN_MS = 35_000
const DAY_MS = 86_400_000

export function simulationService(deps: SimulationDeps): Handler {
  const { callsOf, limitsOf, now, maxCalls = MAX_CALLS, withinMs = WITHIN_MS } = deps
  const slices = sharedSlices()
  const running = new Set<string>()
  return {
    async simulatePolicy({ org_id, project_id, days, ...draft }) {
      if (running.has(org_id)) throw stillRunning()
      running.add(org_id)
      try {
        const startedMs = performance.now()
        const keys = new Map(draft.keys.map(({ id, ...key }) => [id, key]))
        const { rules, readsArguments, replay } = replayer({
          // `projects` has checked both.
          policy: draft.policy as Policy,
          above: draft.organization_policy as Policy | null,
          environment: draft.environment,
          keys,
          factsSections: draft.facts_sections,
        })
        const toMs = now().getTime()
        const kept = limitsOf(org_id).audit_retention_days ?? Infinity
        const fromMs = toMs - Math.min(days, kept) * DAY_MS
        const counts = tally(rules, keys)
        const truncated = await lookAtAll({
          calls: callsOf(org_id),
          span: { projectId: project_id, fromMs, toMs, withArguments: readsArguments },
          look: (row) => counts.add(row, replay(row)),
          slices: slices(),
          maxCalls,
          untilMs: startedMs + withinMs,
        })
        return {
          days,
          from: new Date(fromMs).toISOString(),
          to: new Date(toMs).toISOString(),
          ...counts.result(),
          truncated,
          took_ms: Math.round(performance.now() - startedMs),
        }
      } finally {
        running.delete(org_id)
      }
    },
  }
}

type Look = {
  calls: Calls
  span: CallSpan
  look(row: CallRow): void
  slices: Slices
  maxCalls: number
  untilMs: number
}

/** Answers whether it stopped before the end. */
async function lookAtAll({ calls, span, look, slices, maxCalls, untilMs }: Look): Promise<boolean> {
  let last: CallRow | undefined
  let looked = 0
  let next = calls(span, last)
  for (;;) {
    const rows = await next
    if (rows.length === 0) return false
    // The next page is on its way while this one is looked at.
    next = calls(span, rows.at(-1))
    next.catch(() => undefined) // Nobody waits for it when this is the end.
    for (const row of rows) {
      const seen = row.id === last?.id
      last = row
      if (seen) continue
      if (looked === maxCalls || performance.now() > untilMs) return true
      look(row)
      looked++
      const pause = slices.pause()
      if (pause !== undefined) await pause
    }
  }
}

/** One at a time for each organisation: whatever one asks for, the others and the intake get in between. */
function stillRunning(): AppError {
  const message = 'A simulation of your organisation is running; try again when it has answered.'
  return new AppError('RATE_LIMITED', message, { retry_after_ms: 5_000 })
}
