// A changed plan changes how long what is already recorded is kept: longer or shorter.
import { PLANS } from '@mcpshield/contracts/plans'
import type { Log } from '@mcpshield/runtime/log'

export type RetentionDeps = {
  daysOf: (orgId: string) => number | null
  /** Gives an organisation's rows their retention; resolves when that will happen, whatever comes. */
  apply: (orgId: string, days: number | null) => Promise<unknown>
  /** Remembers what was applied, so that a start asks only for what changed meanwhile. */
  note: (orgId: string, days: number | null) => Promise<void>
  /** What was noted, by organisation. */
  noted: () => Promise<ReadonlyMap<string, number | null>>
  /** Those of another plan than Free. */
  organizations: () => readonly string[]
  log: Log
  againAfterMs?: number
  retryAfterMs?: number
}

export type Retention = AsyncDisposable & {
  /** The organisation's plan keeps records for another time than its rows may have. */
  changed(orgId: string): void
}

/** Another instance may have heard of the change a little later, and have written rows of the old kind until then. */
const AGAIN_AFTER_MS = 60_000
const RETRY_AFTER_MS = 5_000

/** Begins with whose plan has changed while nobody was there to hear of it. */
export function startRetention(deps: RetentionDeps): Retention {
  const { againAfterMs = AGAIN_AFTER_MS, retryAfterMs = RETRY_AFTER_MS } = deps
  const timers = new Set<NodeJS.Timeout>()
  let running: Promise<void> = Promise.resolve()
  let closed = false

  const later = (ms: number, work: () => void) => {
    if (closed) return
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, ms)
    timers.add(timer)
  }
  /** One after the other: each change rewrites much of a table. */
  const queue = (orgId: string, last: boolean) => {
    running = running.then(() => applyOnce(orgId, last))
  }
  async function applyOnce(orgId: string, last: boolean): Promise<void> {
    if (closed) return
    try {
      const days = deps.daysOf(orgId)
      await deps.apply(orgId, days)
      if (last) await deps.note(orgId, days)
      else later(againAfterMs, () => queue(orgId, true))
    } catch (error) {
      deps.log.warn({ err: error, orgId }, 'retention not applied, trying again')
      later(retryAfterMs, () => queue(orgId, last))
    }
  }

  async function catchUp(): Promise<void> {
    try {
      const orgIds = outdated(await deps.noted(), deps.organizations(), deps.daysOf)
      for (const orgId of orgIds) queue(orgId, false)
    } catch (error) {
      deps.log.warn({ err: error }, 'retention not compared, trying again')
      later(retryAfterMs, () => {
        running = running.then(catchUp)
      })
    }
  }
  running = catchUp()

  return {
    changed: (orgId) => queue(orgId, false),
    async [Symbol.asyncDispose]() {
      closed = true
      for (const timer of timers) clearTimeout(timer)
      await running
    },
  }
}

/** Whose rows have another retention than their plan's: what was noted, else that of the Free plan. */
export function outdated(
  applied: ReadonlyMap<string, number | null>,
  organizations: readonly string[],
  daysOf: (orgId: string) => number | null,
): string[] {
  const all = new Set([...applied.keys(), ...organizations])
  const daysOfRows = (orgId: string) =>
    applied.has(orgId) ? applied.get(orgId) : PLANS.free.limits.audit_retention_days
  return [...all].filter((orgId) => daysOfRows(orgId) !== daysOf(orgId))
}
