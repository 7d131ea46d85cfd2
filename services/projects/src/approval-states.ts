// What has become of a held call. The clock decides with the row: what is over is over, whoever has written it down yet.
import type { FilterQuery } from '@mikro-orm/postgresql'
import type { ApprovalSnapshot } from '@mcpshield/contracts/projects'
import { AppError } from '@mcpshield/contracts/errors'
import type { ApprovalRow } from './approval-entity.ts'

export type ApprovalState = ApprovalRow['state']

/** How long past its expiry an approved call may still be run: whoever was told last has to get there. */
export const USE_WITHIN_MS = 600_000

const lastUse = (at: Date) => new Date(at.getTime() - USE_WITHIN_MS)

/** The state of an approval now. */
export function stateAt(
  { state, expires_at }: Pick<ApprovalRow, 'state' | 'expires_at'>,
  at: Date,
): ApprovalState {
  if (state === 'pending' && expires_at <= at) return 'expired'
  if (state === 'approved' && expires_at <= lastUse(at)) return 'expired'
  return state
}

/** The rows that are in a state now. */
export function inState(state: ApprovalState, at: Date): FilterQuery<ApprovalRow> {
  const [waiting, usable] = [{ $gt: at }, { $gt: lastUse(at) }]
  switch (state) {
    case 'pending':
      return { state, expires_at: waiting }
    case 'approved':
      return { state, expires_at: usable }
    case 'expired':
      return {
        $or: [
          { state },
          { state: 'pending', expires_at: { $lte: at } },
          { state: 'approved', expires_at: { $lte: lastUse(at) } },
        ],
      }
    default:
      return { state }
  }
}

/** Open rows of which nothing can come any more. A refused one is kept until then: whoever holds the call has to hear. */
export function overAt(at: Date): FilterQuery<ApprovalRow> {
  return {
    open: true,
    $or: [
      { state: { $ne: 'approved' }, expires_at: { $lte: at } },
      { state: 'approved', expires_at: { $lte: lastUse(at) } },
    ],
  }
}

/** Throws EXPIRED or CONFLICT unless the call still waits for a word. */
export function requirePending(row: ApprovalRow, at: Date): void {
  const state = stateAt(row, at)
  if (state === 'pending') return
  if (state === 'expired') throw new AppError('EXPIRED', 'This call has waited too long: it is over.')
  const what = { approved: 'approved', refused: 'refused', used: 'approved and run' }[state]
  throw new AppError('CONFLICT', `This call was ${what} already.`)
}

/** What a gateway that holds the call is told; undefined when it is over. */
export function snapshotAt(row: ApprovalRow, at: Date): ApprovalSnapshot | undefined {
  const state = stateAt(row, at)
  const over = state === 'expired' || state === 'used' || (state === 'refused' && row.expires_at <= at)
  if (over) return undefined
  return {
    project_id: row.project_id,
    state,
    note: row.note ?? null,
    expires_at: row.expires_at.toISOString(),
  }
}
