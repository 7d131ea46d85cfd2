// Turns at renewing tokens. Each renewal holds a connection of the database while another server thinks: a few of them
// must not hold them all, nor one organisation's all of those, nor those of slow servers together.
import { AppError } from '@mcpshield/contracts/errors'

export type RenewalTurns = {
  /**
   * Who asks for the same while it is done, or soon after it failed, gets the same answer. UNAVAILABLE when a turn comes
   * too late.
   */
  take<T>(orgId: string, key: string, work: () => Promise<T>): Promise<T>
}

/** Of the ten connections that a process has (libs/db). */
const AT_ONCE = 5
const AT_ONCE_PER_ORGANIZATION = 2
/** Of all organisations together whose servers were slow lately. */
const AT_ONCE_SLOW = 3
const SLOW_MS = 2_000
const SLOW_FOR_MS = 10 * 60_000
/** Shorter than the callers' deadline by what the work may take. */
const LONGEST_WAIT_MS = 6_000
/** How long a failure stands: a server that is asked in vain is not asked anew for every call of an agent. */
const FAILURE_STANDS_MS = 5_000

export function renewalTurns(): RenewalTurns {
  const asked = new Map<string, Promise<unknown>>()
  const running = new Map<string, number>()
  const waiting = new Set<{ orgId: string; begin(): void }>()
  const slow = new Map<string, NodeJS.Timeout>()
  const all = () => [...running.values()].reduce((sum, each) => sum + each, 0)
  const allSlow = () => [...running].reduce((sum, [orgId, each]) => (slow.has(orgId) ? sum + each : sum), 0)
  const isFull = (orgId: string) =>
    (running.get(orgId) ?? 0) >= AT_ONCE_PER_ORGANIZATION || (slow.has(orgId) && allSlow() >= AT_ONCE_SLOW)
  const markSlow = (orgId: string) => {
    clearTimeout(slow.get(orgId))
    slow.set(orgId, setTimeout(() => slow.delete(orgId), SLOW_FOR_MS).unref())
  }
  const count = (orgId: string, by: number) => {
    const left = (running.get(orgId) ?? 0) + by
    if (left === 0) running.delete(orgId)
    else running.set(orgId, left)
  }
  const callNext = () => {
    for (const each of waiting) {
      if (all() >= AT_ONCE) return
      if (isFull(each.orgId)) continue
      waiting.delete(each)
      count(each.orgId, 1)
      each.begin()
    }
  }
  const turnOf = (orgId: string) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(place)
        reject(
          new AppError('UNAVAILABLE', 'Too many authorisations are being renewed; try again in a moment.'),
        )
      }, LONGEST_WAIT_MS)
      const place = {
        orgId,
        begin() {
          clearTimeout(timer)
          resolve()
        },
      }
      waiting.add(place)
      callNext()
    })
  const inTurn = async <T>(orgId: string, work: () => Promise<T>): Promise<T> => {
    await turnOf(orgId)
    // While it runs already: others wait meanwhile.
    const timer = setTimeout(() => markSlow(orgId), SLOW_MS)
    try {
      return await work()
    } finally {
      clearTimeout(timer)
      count(orgId, -1)
      callNext()
    }
  }
  return {
    take<T>(orgId: string, key: string, work: () => Promise<T>): Promise<T> {
      const before = asked.get(key) as Promise<T> | undefined
      if (before !== undefined) return before
      const answer = inTurn(orgId, work)
      asked.set(key, answer)
      const forget = () => void asked.delete(key)
      answer.then(forget, () => void setTimeout(forget, FAILURE_STANDS_MS).unref())
      return answer
    },
  }
}
