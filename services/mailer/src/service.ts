// The use cases: dead letters for who runs the installation, and health.
import type { DeadLetters } from '@mcpshield/bus/dead-letters'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { mailer } from '@mcpshield/contracts/mailer'
import { healthOf, type Checks } from '@mcpshield/runtime/health'
import { decodePlace, encodePlace, shownLetter } from './dead-letters.ts'

export type Dependencies = {
  deadLetters: DeadLetters
  /** Each rejects when it does not answer. */
  checks: Checks
}

export function mailerService({ deadLetters, checks }: Dependencies): Handlers<typeof mailer.rpc, Call> {
  return {
    async listDeadLetters({ limit, cursor }, call) {
      requireOperator(call)
      const { messages, more } = await deadLetters.list(
        cursor === undefined ? {} : decodePlace(cursor),
        limit,
      )
      const [newest, oldest] = [messages[0], messages.at(-1)]
      return {
        items: messages.map(shownLetter),
        next_cursor: more.older && oldest ? encodePlace('older', oldest.sequence) : null,
        prev_cursor: more.newer && newest ? encodePlace('newer', newest.sequence) : null,
      }
    },

    async replayDeadLetter({ id }, call) {
      requireOperator(call)
      await deadLetters.replay(id)
      return {}
    },

    checkHealth: () => healthOf(checks),
  }
}

/** The gateway lets nobody else through; said again where it is done. */
function requireOperator({ caller }: Call): void {
  if (caller.kind !== 'operator')
    throw new AppError('UNAUTHENTICATED', 'Only who runs the installation may do this.')
}

/** A check whose outcome holds for a while: it costs the other side something. */
export function cachedCheck(
  check: () => Promise<unknown>,
  forMs: number,
  nowMs: () => number = Date.now,
): () => Promise<unknown> {
  let last: { untilMs: number; outcome: Promise<unknown> } | undefined
  return () => {
    if (last === undefined || nowMs() >= last.untilMs) last = { untilMs: nowMs() + forMs, outcome: check() }
    return last.outcome
  }
}
