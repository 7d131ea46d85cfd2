// Many clients of both eras that call without pause while a gateway is killed: what each was answered, and how long it was
// without a service.
import { setTimeout as sleep } from 'node:timers/promises'
import { startLoad, type LoadCall } from '../faults/load.ts'

export type LoadOptions = {
  clients: number
  url: string
  key: string
  /** How long before the kill, and how long after everybody was served again. */
  beforeMs: number
  afterMs: number
  kill(): void
}

export type Load = {
  /** Texts of the calls that were answered, so or so. */
  answered: { allowed: string[]; denied: string[] }
  failures: number
  /** For each time that a client saw a failure, from the first one to its next answer. */
  recoveredInMs: number[]
}

const ALLOWED: LoadCall = { tool: 'safe_echo', isDenied: false, args: (text) => ({ text }) }
const DENIED: LoadCall = { tool: 'danger_delete', isDenied: true, args: (text) => ({ text }) }

export async function runLoad({ clients, url, key, beforeMs, afterMs, kill }: LoadOptions): Promise<Load> {
  const load = startLoad({ clients, url, key, calls: [DENIED, ALLOWED, ALLOWED], prefix: 'load' })
  await sleep(beforeMs)
  kill()
  await sleep(afterMs)
  const { told, unavailable, outagesMs } = await load.stop()
  const texts = (word: 'allowed' | 'denied') =>
    [...told].filter(([, each]) => each === word).map(([text]) => text)
  return {
    answered: { allowed: texts('allowed'), denied: texts('denied') },
    failures: unavailable,
    recoveredInMs: outagesMs,
  }
}
