// Clients of both eras that call without pause, what is allowed and what is denied by turns, each call with a text of its own,
// and begin anew when they must: what each was told, and when it was served again.
import { setTimeout as sleep } from 'node:timers/promises'
import { openSpeaker, type Heard, type Json, type Speaker } from '../e2e/mcp-wire.ts'

/** One kind of call that clients make by turns. */
export type LoadCall = {
  tool: string
  /** What the policy says of it. */
  isDenied: boolean
  /** With the text that tells this call from all others. */
  args(text: string): Json
}

export type Ledger = {
  /** By a call's text, what its client was told. */
  told: Map<string, 'allowed' | 'denied'>
  /** Answers that say that it cannot be done now, and calls without an answer. */
  unavailable: number
  /** Answers that no fault excuses, as sentences. */
  wrong: string[]
  /** For each time that a client was without service, from its first failure to its next answer. */
  outagesMs: number[]
}

export type Load = {
  ledger: Ledger
  /** From now on clients are waited for; see `servedAgain`. */
  mark(): void
  /**
   * Milliseconds from the mark until the last client was served that had failed since; 0 when none had. Undefined while
   * some client is not served, or was not for long enough.
   */
  servedAgain(quietMs: number): number | undefined
  stop(): Promise<Ledger>
}

export type LoadOptions = {
  clients: number
  url: string
  key: string
  calls: readonly LoadCall[]
  /** Before each text, so that those of one load are told from another's. */
  prefix: string
  /** Between two calls of a client. */
  pauseMs?: number
}

const ANSWERED_WITHIN_MS = 10_000
const RETRY_MS = 50
/** After the stop, whoever is not served is waited for so long. */
const MAX_OUTAGE_MS = 20_000

type Worker = {
  failedAtMs: number | undefined
  recoveredAtMs: number | undefined
  servedAtMs: number | undefined
}

export function startLoad(options: LoadOptions): Load {
  const ledger: Ledger = { told: new Map(), unavailable: 0, wrong: [], outagesMs: [] }
  const stop = new AbortController()
  const workers = Array.from({ length: options.clients }, (): Worker => ({
    failedAtMs: undefined,
    recoveredAtMs: undefined,
    servedAtMs: undefined,
  }))
  const working = workers.map((worker, index) => work(ledger, worker, { ...options, index }, stop.signal))
  let markedMs = performance.now()
  return {
    ledger,
    mark() {
      markedMs = performance.now()
      for (const worker of workers) worker.recoveredAtMs = worker.servedAtMs = undefined
    },
    servedAgain(quietMs) {
      const nowMs = performance.now()
      if (workers.some(({ failedAtMs, servedAtMs }) => failedAtMs !== undefined || servedAtMs === undefined))
        return undefined
      const last = Math.max(markedMs, ...workers.map(({ recoveredAtMs = markedMs }) => recoveredAtMs))
      return nowMs - last < quietMs ? undefined : last - markedMs
    },
    async stop() {
      stop.abort()
      await Promise.all(working)
      return ledger
    },
  }
}

type Turn = Omit<LoadOptions, 'clients'> & { index: number }

async function work(ledger: Ledger, worker: Worker, turn: Turn, stop: AbortSignal): Promise<void> {
  const { calls, index, prefix, pauseMs = 0 } = turn
  let speaker: Speaker | undefined
  for (let count = 0; !stop.aborted || isStillOut(worker); count++) {
    const call = calls[(count + index) % calls.length] as LoadCall
    const text = `${prefix}x${index}x${count}x`
    try {
      speaker ??= await open(turn)
      const heard = await speaker.send(
        'tools/call',
        { name: call.tool, arguments: call.args(text) },
        { signal: AbortSignal.timeout(ANSWERED_WITHIN_MS) },
      )
      const said = wordIn(heard)
      if (said === 'unavailable') throw new Error(`${heard.status} ${heard.text}`)
      ledger.told.set(text, said)
      if (said !== (call.isDenied ? 'denied' : 'allowed'))
        ledger.wrong.push(`${call.tool} ${text} was ${said}: ${heard.text.slice(0, 300)}`)
      served(ledger, worker)
      if (pauseMs > 0) await sleep(pauseMs)
    } catch {
      ledger.unavailable++
      worker.failedAtMs ??= performance.now()
      speaker = undefined
      await sleep(RETRY_MS)
    }
  }
}

function served({ outagesMs }: Ledger, worker: Worker): void {
  const nowMs = performance.now()
  if (worker.failedAtMs !== undefined) {
    worker.recoveredAtMs = nowMs
    outagesMs.push(nowMs - worker.failedAtMs)
  }
  worker.failedAtMs = undefined
  worker.servedAtMs = nowMs
}

/** Nobody stops before they were served again. */
function isStillOut({ failedAtMs }: Worker): boolean {
  return failedAtMs !== undefined && performance.now() - failedAtMs < MAX_OUTAGE_MS
}

/** Denials for want of something that every decision needs: they are honest, and no word of the policy's. */
const FOR_WANT = /^(policy_unavailable$|limit_unavailable:)|could not be recorded yet; try again/

type Told = { decision: string; rule: string; reason: string }

function wordIn({ result, error }: Heard): 'allowed' | 'denied' | 'unavailable' {
  if (result !== undefined && result['isError'] !== true) return 'allowed'
  const holder = (result?.['_meta'] ?? error?.data) as Record<string, Told | undefined> | undefined
  const decided = holder?.['io.mcpshield/decision']
  if (decided?.decision !== 'deny') return 'unavailable'
  return FOR_WANT.test(decided.rule) || FOR_WANT.test(decided.reason) ? 'unavailable' : 'denied'
}

function open({ url, key, index }: Turn): Promise<Speaker> {
  return openSpeaker({ url, key, era: index % 2 === 0 ? 'modern' : 'legacy', withSession: true })
}
