// A row made to run: its consumer, its place and its standing put together.
import type { Durables } from '@mcpshield/bus/durables'
import { siemDurable } from '@mcpshield/bus/siem-accounts'
import type { Log } from '@mcpshield/runtime/log'
import { accountTarget, type ConnectWriter } from './account.ts'
import { FeedRow } from './entities.ts'
import { consumerOf, runFeed, type RunningFeed } from './feed.ts'
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

function openerOf(row: FeedRow, deps: RunnerDeps): OpenTarget {
  const { connectWriter, openForwarder, standings, tempo } = deps
  if (row.kind !== 'credential') return (signal) => openForwarder(row, signal)
  return () =>
    accountTarget(connectWriter, row.id, {
      onBacklog: standings.of(row.id).backlog,
      everyMs: 2 * tempo.everyMs,
      onLost: () => carryAgain(row, deps),
    })
}

/** The consumer of a credential whose copy is lost begins anew, at what its reader cannot have read yet. */
async function carryAgain(row: FeedRow, { durables, log }: RunnerDeps): Promise<void> {
  const from = firstUnread(row)
  const consumer = consumerOf({ durable: siemDurable(row.id), orgId: row.org_id, from })
  log.warn(
    { feed: row.id, from },
    'what a credential had not read is lost on its server: it is carried again',
  )
  await durables.remove(consumer.durable)
  await durables.ensure(consumer)
}

/** Longer than the record's consumer is behind when nothing waits in the account. */
const BEHIND_AT_MOST_MS = 86_400_000

/** Of events that waited no time is known: then all since it was made. */
export function firstUnread({
  created_at,
  last_read_at,
  unread,
}: Pick<FeedRow, 'created_at' | 'last_read_at' | 'unread'>): Date {
  if (unread !== 0 || last_read_at == null) return created_at
  return new Date(Math.max(created_at.getTime(), last_read_at.getTime() - BEHIND_AT_MOST_MS))
}
