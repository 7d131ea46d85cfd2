// What a client of the modern era carries from an input-required result to its retry: a name for what is kept here. The
// server's own state stays here too, as nobody redacts what nobody may read.
import { randomUUID } from 'node:crypto'
import { canonicalHash } from '@mcpshield/mcp/canonical-hash'
import type { JsonObject } from '@mcpshield/policy/facts'

/** What a state is for: a retry of any other call does not get it. */
export type BoundCall = { method: string; tool: string; arguments: JsonObject }

export type Carried = {
  /** The server's own state, which goes back to it. */
  server?: string
  /** Answers to the server's questions that came before ours was asked. */
  responses?: JsonObject
  /** A person is being asked: the digest of the call that they were shown, and until when. */
  question?: { digest: string; untilMs: number }
  /** The approval that an earlier round was let through by. */
  approval?: string
}

export type RetryStates = {
  keep(carried: Carried, call: BoundCall, nowMs: number): string
  /** What was kept under the name, or why it is not given out. */
  take(name: string, call: BoundCall, nowMs: number): Carried | { problem: string }
}

const LIFETIME_MS = 10 * 60_000
const MAX_STATES = 10_000

export function retryStates(): RetryStates {
  const states = new Map<string, { carried: Carried; bound: string; untilMs: number }>()
  return {
    keep(carried, call, nowMs) {
      const name = randomUUID()
      // A question that nobody answered in time is still known, to be told from one that never was.
      const untilMs = Math.max(nowMs, carried.question?.untilMs ?? 0) + LIFETIME_MS
      states.set(name, { carried, bound: boundOf(call), untilMs })
      for (const oldest of states.keys()) {
        if (states.size <= MAX_STATES) break
        states.delete(oldest)
      }
      return name
    },
    take(name, call, nowMs) {
      const state = states.get(name)
      if (state === undefined)
        return {
          problem: 'The requestState is none that was given out here, or was used: make the call anew.',
        }
      if (state.bound !== boundOf(call)) return { problem: 'The requestState belongs to another call.' }
      if (state.untilMs < nowMs) return { problem: 'The requestState is over: make the call anew.' }
      // An approval is for one call: the same retry twice would be two.
      const { question, approval } = state.carried
      if (question !== undefined || approval !== undefined) states.delete(name)
      return state.carried
    },
  }
}

function boundOf({ method, tool, arguments: args }: BoundCall): string {
  return canonicalHash([method, tool, args])
}
