// Many clients of both eras that call without pause, what is allowed and what is denied by turns, and begin anew when they
// must: what each was answered, and how long it was without a service.
import { setTimeout as sleep } from 'node:timers/promises'
import { openSpeaker, type Speaker } from './mcp-wire.ts'

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
  /** For each client that saw a failure, from the first one to its next answer. */
  recoveredInMs: number[]
}

const ANSWERED_WITHIN_MS = 10_000
const RETRY_MS = 50
const MAX_OUTAGE_MS = 20_000

export async function runLoad({ clients, url, key, beforeMs, afterMs, kill }: LoadOptions): Promise<Load> {
  const load: Load = { answered: { allowed: [], denied: [] }, failures: 0, recoveredInMs: [] }
  const stop = new AbortController()
  const working = Array.from({ length: clients }, (_, index) => work(load, { url, key, index }, stop.signal))
  await sleep(beforeMs)
  kill()
  await sleep(afterMs)
  stop.abort()
  await Promise.all(working)
  return load
}

type Worker = { url: string; key: string; index: number }

async function work(load: Load, worker: Worker, stop: AbortSignal): Promise<void> {
  let speaker: Speaker | undefined
  let failedAt: number | undefined
  for (let turn = 0; !stop.aborted || isStillOut(failedAt); turn++) {
    const isDenied = turn % 3 === 0
    const text = `load-${worker.index}-${turn}-`
    try {
      speaker ??= await open(worker)
      const heard = await speaker.send(
        'tools/call',
        { name: isDenied ? 'danger_delete' : 'safe_echo', arguments: { text } },
        { signal: AbortSignal.timeout(ANSWERED_WITHIN_MS) },
      )
      if (heard.result === undefined) throw new Error(`${heard.status} ${heard.text}`)
      const isError = heard.result['isError'] === true
      const wasDecided = JSON.stringify(heard.result['_meta'] ?? '').includes('io.mcpshield/decision')
      if (isError && !wasDecided) throw new Error(heard.text)
      load.answered[isError ? 'denied' : 'allowed'].push(text)
      if (failedAt !== undefined) load.recoveredInMs.push(performance.now() - failedAt)
      failedAt = undefined
    } catch {
      load.failures++
      failedAt ??= performance.now()
      speaker = undefined
      await sleep(RETRY_MS)
    }
  }
}

/** Nobody stops before they were served again. */
function isStillOut(failedAt: number | undefined): boolean {
  return failedAt !== undefined && performance.now() - failedAt < MAX_OUTAGE_MS
}

function open({ url, key, index }: Worker): Promise<Speaker> {
  const isModern = index % 2 === 0
  return openSpeaker({ url, key, era: isModern ? 'modern' : 'legacy', withSession: true })
}
