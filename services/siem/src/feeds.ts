// Which feeds run in this process. Every second it looks at what is set up, takes what nobody runs (a lease in the row),
// starts, restarts and stops, and writes down how they stand. A feed runs in one instance at a time.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '@mcpshield/runtime/log'
import { FeedRow } from './entities.ts'
import type { RunningFeed } from './feed.ts'
import type { Plans } from './plan.ts'
import type { Standings } from './standing.ts'
import type { Rows } from './store.ts'

export type FeedsDeps = {
  rows: Rows
  plans: Pick<Plans, 'isEnterprise'>
  standings: Standings
  /** Starts a feed. */
  run(row: FeedRow): RunningFeed
  now(): Date
  log: Log
  everyMs: number
}

type Here = { revision: number; feed: RunningFeed }
type Running = { here: Map<string, Here>; stopping: Set<Promise<void>> }

/** Longer than a pause of the database; an instance that was killed is followed after that. */
const LEASE_SECONDS = 10

export function keepFeeds(deps: FeedsDeps): AsyncDisposable {
  const runner = randomUUID()
  const running: Running = { here: new Map(), stopping: new Set() }
  const stop = new AbortController()
  const { signal } = stop
  const rounds = async () => {
    while (!signal.aborted) {
      await round(deps, runner, running).catch((error: unknown) =>
        deps.log.error({ err: error }, 'feeds: a round failed'),
      )
      await sleep(deps.everyMs, undefined, { signal }).catch(() => undefined)
    }
  }
  const done = rounds()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
      await Promise.all([...running.here.keys()].map((id) => stopFeed(running, id)))
      await Promise.all(running.stopping)
      await writeStandings(deps).catch(() => undefined)
      await release(deps.rows, runner).catch(() => undefined)
    },
  }
}

async function round(deps: FeedsDeps, runner: string, running: Running): Promise<void> {
  await writeStandings(deps)
  const rows = await deps.rows.read((em) => em.find(FeedRow, { revoked_at: null }))
  const runnable = rows.filter((row) => isRunnable(row, deps))
  const mine = await lease(deps.rows, runner, runnable)
  for (const [id, { revision }] of running.here)
    if (mine.get(id)?.revision !== revision) void stopFeed(running, id)
  for (const row of mine.values()) if (!running.here.has(row.id)) startFeed(deps, running, row)
}

function startFeed({ run }: FeedsDeps, { here }: Running, row: FeedRow): void {
  const started = { revision: row.revision, feed: run(row) }
  here.set(row.id, started)
  // One that ended by itself is started again, if it is still set up.
  void started.feed.ended.then(() => {
    if (here.get(row.id) === started) here.delete(row.id)
  })
}

/** Others do not wait until it has let go of its place. */
async function stopFeed({ here, stopping }: Running, id: string): Promise<void> {
  const feed = here.get(id)?.feed
  here.delete(id)
  if (feed === undefined) return
  const stopped: Promise<void> = Promise.resolve(feed[Symbol.asyncDispose]()).then(() => {
    stopping.delete(stopped)
  })
  stopping.add(stopped)
  await stopped
}

function isRunnable(row: FeedRow, { plans, now }: FeedsDeps): boolean {
  if (!row.enabled || !plans.isEnterprise(row.org_id)) return false
  if (row.kind !== 'credential') return true
  const isExpired = row.expires_at != null && row.expires_at <= now()
  return row.opened_at != null && !isExpired && row.account_state === 'open'
}

/** Those of them that run here for the next while: what was here, and what nobody has. */
async function lease(rows: Rows, runner: string, runnable: FeedRow[]): Promise<Map<string, FeedRow>> {
  if (runnable.length === 0) return new Map()
  const held = await rows.read((em) =>
    em.execute<{ id: string }[]>(
      `update feeds set runner = ?, lease_until = now() + interval '${LEASE_SECONDS} seconds'
       where id = any(?::uuid[]) and (runner = ? or lease_until is null or lease_until < now()) returning id`,
      [runner, `{${runnable.map(({ id }) => id).join(',')}}`, runner],
    ),
  )
  const ids = new Set(held.map(({ id }) => id))
  return new Map(runnable.filter(({ id }) => ids.has(id)).map((row) => [row.id, row]))
}

async function release(rows: Rows, runner: string): Promise<void> {
  await rows.read((em) =>
    em.execute('update feeds set lease_until = null, runner = null where runner = ?', [runner]),
  )
}

async function writeStandings({ rows, standings }: FeedsDeps): Promise<void> {
  const changed = standings.take()
  if (changed.size === 0) return
  await rows.read(async (em) => {
    for (const [id, standing] of changed) await em.nativeUpdate(FeedRow, { id }, standing)
  })
}
