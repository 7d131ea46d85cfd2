// One fault under load: what was lost, what was decided wrongly, how long until everything worked again.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault, Settings } from './faults.ts'
import { startLoad, type Load } from './load.ts'
import { balance, readRecord, settledBalance, textsIn } from './record.ts'
import { CALLS, until, type FaultWorld } from './world.ts'

export type FaultReport = {
  name: string
  /** Calls that were answered by a decision, and those that it was said of that they cannot be done now. */
  answered: number
  unavailable: number
  lost: number
  wrong: number
  /** From the end of the fault until every client was served and everything was healthy. */
  recoveredInMs: number | undefined
  /** From then until the record was complete. */
  recordedInMs: number
  problems: string[]
}

export type RunSettings = Settings & { clients: number; warmSeconds: number; afterSeconds: number }

/** Served without a failure for so long is served again. */
const QUIET_MS = 1_500
const RECOVERS_WITHIN_MS = 90_000
const RECORDED_WITHIN_MS = 90_000
const PAUSE_MS = 20
let runs = 0

export async function runFault(world: FaultWorld, fault: Fault, settings: RunSettings): Promise<FaultReport> {
  const { product, upstream, slow } = world
  const prefix = `f${process.pid}n${runs++}`
  const load = startLoad({
    clients: fault.clients ?? settings.clients,
    url: product.stack.mcp,
    key: product.demo.account.api_key,
    calls: CALLS,
    prefix,
    pauseMs: PAUSE_MS,
  })
  const problems: string[] = []
  await until(() => load.servedAgain(0) !== undefined, RECOVERS_WITHIN_MS)
  await sleep(settings.warmSeconds * 1_000)
  await fault
    .inflict(world, { ...settings, prefix })
    .catch((error: unknown) => problems.push((error as Error).message))
  const recoveredInMs = await recovery(world, load)
  if (recoveredInMs === undefined) problems.push(`it did not recover in ${RECOVERS_WITHIN_MS / 1_000} s`)
  await sleep(settings.afterSeconds * 1_000)
  const ledger = await load.stop()
  const stoppedMs = performance.now()
  const received = [...upstream.received, ...slow.received]
  const reached = new Set(received.flatMap((each) => textsIn(each, prefix)))
  const account = await settledBalance(
    () => readRecord(product.stack.backing.clickhouseUrl, product.demo.account.project_id, prefix),
    (recorded) => balance(ledger, reached, isDenied, recorded),
    RECORDED_WITHIN_MS,
  )
  for (const each of [upstream, slow]) each.received = each.called = []
  if (ledger.told.size === 0) problems.push('no call was answered')
  return {
    name: fault.name,
    answered: ledger.told.size,
    unavailable: ledger.unavailable,
    lost: account.lost.length,
    wrong: account.wrong.length,
    recoveredInMs,
    recordedInMs: performance.now() - stoppedMs,
    problems: [...problems, ...account.lost.slice(0, 3), ...account.wrong.slice(0, 3)],
  }
}

async function recovery(world: FaultWorld, load: Load): Promise<number | undefined> {
  load.mark()
  const startedMs = performance.now()
  let healthyInMs: number | undefined
  let servedInMs: number | undefined
  const done = await until(async () => {
    if (healthyInMs === undefined && (await world.isHealthy())) healthyInMs = performance.now() - startedMs
    servedInMs = load.servedAgain(QUIET_MS)
    return healthyInMs !== undefined && servedInMs !== undefined
  }, RECOVERS_WITHIN_MS)
  return done ? Math.max(healthyInMs ?? 0, servedInMs ?? 0) : undefined
}

/** Whether a text is of a call that the policy denies: by its turn, as `startLoad` makes them. */
function isDenied(text: string): boolean {
  if (text.includes('sx')) return false
  const [, client = '0', count = '0'] = /x(\d+)x(\d+)x$/.exec(text) ?? []
  return CALLS[(Number(client) + Number(count)) % CALLS.length]?.isDenied === true
}
