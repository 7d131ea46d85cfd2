// A reader's turn: the events that came since, as server-sent events, waited for a few seconds. The cursor names a use and a
// place in it; whose use it is is looked up, so that a cursor is good for nobody else.
import type { Output } from '@mcpshield/contracts/define'
import type { ai, AiEvent } from '@mcpshield/contracts/ai'
import { AppError } from '@mcpshield/contracts/errors'
import type { SignedIn } from '@mcpshield/contracts/rights'
import { setTimeout as sleep } from 'node:timers/promises'
import { FIRST_PLACE, type EventLog } from './event-log.ts'

export type Piece = Output<typeof ai.rpc.draftPolicy>

export type Followed = {
  log: EventLog
  /** Ends a use whose writer is gone: what was counted is given back, and the events end. */
  endLost(id: string): Promise<void>
  /** Waited for so long before it is said that there is nothing yet. */
  waitMs?: number
  /** Aborted when the instance stops: the reader goes on at another one. */
  stopping?: AbortSignal | undefined
}

const WAIT_MS = 4_000
const LOOK_EVERY_MS = 100
const SIGN_EVERY_MS = 2_000

const CURSOR = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,20}-\d{1,20})(?:\.(\d{1,9}))?$/
type Cursor = { id: string; place: string; turn: number }

export function firstCursor(id: string): string {
  return `${id}.${FIRST_PLACE}`
}

export async function follow(deps: Followed, cursor: string, caller: SignedIn): Promise<Piece> {
  const at = readCursor(cursor)
  await requireOwner(deps.log, at.id, caller)
  const { found, over } = await waitFor(deps, at)
  const last = found.at(-1)
  const chunk = found.map(({ place, event }) => frame(at.id, place, event)).join('')
  if (over || last?.event.type === 'done') return { chunk, next_cursor: null }
  if (last === undefined)
    return { chunk: ': waiting\n\n', next_cursor: `${at.id}.${at.place}.${at.turn + 1}` }
  return { chunk, next_cursor: `${at.id}.${last.place}` }
}

function readCursor(text: string): Cursor {
  const [, id, place, turn = '0'] = CURSOR.exec(text) ?? []
  if (id !== undefined && place !== undefined) return { id, place, turn: Number(turn) }
  throw new AppError('INVALID_ARGUMENT', 'The cursor is not one of ours.', {
    errors: [{ path: 'cursor', message: 'Leave it out, or use the id of the last event.' }],
  })
}

async function requireOwner(log: EventLog, id: string, caller: SignedIn): Promise<void> {
  const owner = await log.owner(id)
  if (owner?.org_id === caller.org_id && owner.user_id === caller.user_id) return
  throw new AppError('EXPIRED', 'This answer is not kept any more.')
}

async function waitFor(
  { log, endLost, waitMs = WAIT_MS, stopping }: Followed,
  { id, place }: Cursor,
): Promise<{ found: { place: string; event: AiEvent }[]; over: boolean }> {
  const untilMs = performance.now() + waitMs
  let signAtMs = 0
  for (;;) {
    if (performance.now() >= signAtMs) {
      await log.sign(id, 'reader')
      signAtMs = performance.now() + SIGN_EVERY_MS
    }
    const found = await log.after(id, place)
    if (found.length > 0) return { found, over: false }
    const lost = !(await log.isThere(id, 'writer'))
    if (lost) await endLost(id)
    // Nothing after its end: the reader has had all of it.
    if (performance.now() >= untilMs || stopping?.aborted === true) return { found: [], over: lost }
    await sleep(LOOK_EVERY_MS)
  }
}

/** One server-sent event; its id is the cursor of what follows it. */
function frame(id: string, place: string, event: AiEvent): string {
  return `id: ${id}.${place}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
