// A row made to run: its consumer, its place and its standing put together.
import type { Durables } from '@mcpshield/bus/durables'
import { siemDurable } from '@mcpshield/bus/siem-accounts'
import type { Log } from '@mcpshield/runtime/log'
import { accountTarget, type ConnectWriter } from './account.ts'
import { FeedRow } from './entities.ts'
import { runFeed, type RunningFeed } from './feed.ts'
import type { Standings } from './standing.ts'
import type { Rows } from './store.ts'
import type { OpenTarget } from './target.ts'
import type { Tempo } from './tempo.ts'
import type { OpenForwarder } from './trials.ts'

export type RunnerDeps = {
  rows: Rows
  durables: Durables
  connectWriter: ConnectWriter
  openForwarder: OpenForwarder
  standings: Standings
  log: Log
  tempo: Tempo
}

const MAX_MESSAGES = 64
const MAX_BYTES = 4 * 1024 * 1024
/** Readers of an account see an event as it comes; others are sent together what comes in a moment. */
const ACCOUNT_GATHER_MS = 50

export function feedRunner(deps: RunnerDeps): (row: FeedRow) => RunningFeed {
  const { rows, durables, log, tempo } = deps
  return (row) => {
    const told = deps.standings.of(row.id)
    const withinMs = row.kind === 'credential' ? ACCOUNT_GATHER_MS : tempo.gatherMs
    return runFeed(
      {
        id: row.id,
        orgId: row.org_id,
        durable: siemDurable(row.id),
        from: row.created_at,
        limits: { maxMessages: MAX_MESSAGES, maxBytes: MAX_BYTES, withinMs },
        open: openerOf(row, deps),
      },
      {
        durables,
        isThere: () =>
          rows.read(async (em) => (await em.count(FeedRow, { id: row.id, revoked_at: null })) > 0),
        told,
        log,
        pausesMs: tempo.pausesMs,
      },
    )
  }
}

function openerOf(row: FeedRow, { connectWriter, openForwarder, standings, tempo }: RunnerDeps): OpenTarget {
  if (row.kind !== 'credential') return (signal) => openForwarder(row, signal)
  const heard = { onBacklog: standings.of(row.id).backlog, everyMs: 2 * tempo.everyMs }
  return () => accountTarget(connectWriter, row.id, heard)
}
