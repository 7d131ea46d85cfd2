// Load at a constant rate, whatever the servers do: calls are due at times that were fixed before, and a call's time counts
// from when it was due. A server that stalls is charged for everybody who had to wait (no coordinated omission).
import { Pool } from 'undici'
import type { Target } from './load.ts'

export type OpenLoopOptions = {
  clients: number
  perSecond: number
  seconds: number
}

export type OpenLoopResult = {
  /** Answered as they should be, and what became of the others. */
  answered: number
  errors: number
  /** That found every client busy: they waited for one. */
  waited: number
  seconds: number
  latenciesMs: number[]
  firstError: string | undefined
}

const TICK_MS = 1
/** Beyond the end, for what is under way. */
const DRAIN_MS = 15_000

/** A client has one call at a time, as an agent does; a due call takes the next client that is free. */
export async function runOpenLoop(
  target: Pick<Target, 'name' | 'url' | 'shot' | 'check'>,
  { clients, perSecond, seconds }: OpenLoopOptions,
): Promise<OpenLoopResult> {
  const { origin, pathname } = new URL(target.url)
  const pool = new Pool(origin, { connections: clients })
  const result: OpenLoopResult = {
    answered: 0,
    errors: 0,
    waited: 0,
    seconds: 0,
    latenciesMs: [],
    firstError: undefined,
  }
  const free = Array.from({ length: clients }, (_, client) => client)
  const due: number[] = []
  let underWay = 0

  const send = async (client: number, dueMs: number) => {
    underWay++
    try {
      const { headers, body } = target.shot(client)
      const answer = await pool.request({ path: pathname, method: 'POST', headers, body: body ?? null })
      const text = await answer.body.text()
      if (!target.check(text, client)) throw new Error(`${answer.statusCode}: ${text.slice(0, 200)}`)
      result.answered++
      result.latenciesMs.push(performance.now() - dueMs)
    } catch (error) {
      result.errors++
      result.firstError ??= (error as Error).message
    } finally {
      underWay--
      free.push(client)
      next()
    }
  }
  const next = () => {
    while (due.length > 0 && free.length > 0) void send(free.shift() as number, due.shift() as number)
  }

  const startedMs = performance.now()
  const total = Math.round(perSecond * seconds)
  let scheduled = 0
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startedMs
      const wanted = Math.min(total, Math.floor((elapsedMs / 1_000) * perSecond) + 1)
      for (; scheduled < wanted; scheduled++) {
        if (free.length === 0) result.waited++
        due.push(startedMs + (scheduled / perSecond) * 1_000)
      }
      next()
      if (scheduled === total) {
        clearInterval(timer)
        resolve()
      }
    }, TICK_MS)
  })
  const endMs = performance.now() + DRAIN_MS
  while ((underWay > 0 || due.length > 0) && performance.now() < endMs)
    await new Promise((resolve) => setTimeout(resolve, 10))
  result.seconds = (performance.now() - startedMs) / 1_000
  result.errors += due.length + underWay
  await pool.destroy()
  return result
}
