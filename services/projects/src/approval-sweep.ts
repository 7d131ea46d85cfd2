// The clock's part in held calls: those that are over are written down as such, told to whoever still holds them, and in
// time forgotten, with the arguments that are kept of them. The audit trail keeps the decision.
import { setTimeout as sleep } from 'node:timers/promises'
import { LockMode } from '@mikro-orm/core'
import { ApprovalRow } from './approval-entity.ts'
import { overAt, stateAt } from './approval-states.ts'
import { publishApproval, type Rows } from './store.ts'

type SweepLog = { error(fields: object, message: string): void }

const EVERY_MS = 2_000
const BATCH = 200
const FORGET_AFTER_MS = 30 * 86_400_000

/** Sweeps until disposed. Any number of instances may: each takes what no other has. */
export function sweepApprovals(rows: Rows, now: () => Date, log: SweepLog): AsyncDisposable {
  const stop = new AbortController()
  const done = (async () => {
    while (!stop.signal.aborted) {
      try {
        while ((await sweepOnce(rows, now())) === BATCH);
      } catch (error) {
        log.error({ err: error }, 'sweep of approvals')
      }
      await sleep(EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  })()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
    },
  }
}

/** How many were found to be over. */
async function sweepOnce(rows: Rows, at: Date): Promise<number> {
  return rows.change(async (em) => {
    const over = await em.find(ApprovalRow, overAt(at), {
      limit: BATCH,
      exclude: ['sealed_arguments'],
      lockMode: LockMode.PESSIMISTIC_PARTIAL_WRITE,
    })
    for (const row of over) {
      em.assign(row, { state: stateAt(row as ApprovalRow, at), open: false })
      publishApproval(em, row.id)
    }
    const forgotten = new Date(at.getTime() - FORGET_AFTER_MS)
    await em.nativeDelete(ApprovalRow, { open: false, expires_at: { $lte: forgotten } })
    await em.flush()
    return over.length
  })
}
