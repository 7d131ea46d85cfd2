// The processes of one upstream: how many there may be, how long they may idle, how soon they are started again.
import type { Log } from '@mcpshield/runtime/log'
import { unavailable } from './failures.ts'
import { startProcess, type Running, type StdioSpec } from './stdio-process.ts'

export type Tenant = {
  /** Processes of the same owner are started again no sooner than they may. */
  owner: string
  /** True while the process must stay though nothing is under way. */
  isHeld(): boolean
  /** The process is gone. `lost`: not by our own will. */
  onEnd(lost: boolean): void
}

export type Processes = AsyncDisposable & {
  /** Throws an AppError when there is no room, or it is too soon after a crash. */
  start(tenant: Tenant): Running
  /** Gives a process to another tenant. */
  transfer(running: Running, tenant: Tenant): void
  /** It shook hands. */
  isReady(running: Running): void
  /** None could be got to shake hands. */
  failed(): void
}

type Entry = { tenant: Tenant; running: Running; readyAtMs: number | undefined }

const MAX_PROCESSES = 16
const IDLE_MS = 10 * 60_000
const SWEEP_MS = 30_000
/** Who lived that long did not crash because of its start. */
const STEADY_MS = 60_000
const BACKOFF_FIRST_MS = 500
const BACKOFF_MAX_MS = 30_000

export function openProcesses(spec: StdioSpec, log: Log): Processes {
  const entries = new Map<Running, Entry>()
  const starts = openBackoff()
  const crashes = new Map<string, Backoff>()

  const evict = ({ running, tenant }: Entry, why: string): Promise<void> => {
    entries.delete(running)
    tenant.onEnd(false)
    return running.stop(why)
  }
  const over = (running: Running) => {
    const entry = entries.get(running)
    if (entry === undefined) return
    entries.delete(running)
    const { tenant, readyAtMs } = entry
    if (readyAtMs !== undefined) {
      const backoff = crashes.get(tenant.owner) ?? openBackoff()
      crashes.set(tenant.owner, backoff)
      if (performance.now() - readyAtMs > STEADY_MS) backoff.reset()
      backoff.failed()
    }
    tenant.onEnd(!running.isStopping())
  }
  const sweep = () => {
    for (const entry of entries.values()) {
      const idleSinceMs = idleSince(entry)
      if (idleSinceMs !== undefined && performance.now() - idleSinceMs > IDLE_MS)
        void evict(entry, 'was idle')
    }
    for (const [owner, backoff] of crashes) if (backoff.isOld()) crashes.delete(owner)
  }
  const timer = setInterval(sweep, SWEEP_MS)
  timer.unref()

  return {
    start(tenant) {
      if (starts.isOn() || crashes.get(tenant.owner)?.isOn())
        throw unavailable(spec.slug, 'stopped and is started again in a moment')
      if (entries.size >= MAX_PROCESSES) {
        const longest = longestIdle([...entries.values()])
        if (longest === undefined)
          throw unavailable(spec.slug, `already runs ${MAX_PROCESSES} processes, all of them busy`)
        void evict(longest, 'made room for another session')
      }
      const running = startProcess(spec, log)
      entries.set(running, { tenant, running, readyAtMs: undefined })
      void running.ended.then(() => over(running))
      return running
    },
    transfer(running, tenant) {
      const entry = entries.get(running)
      if (entry !== undefined) entry.tenant = tenant
    },
    isReady(running) {
      starts.reset()
      const entry = entries.get(running)
      if (entry !== undefined) entry.readyAtMs = performance.now()
    },
    failed: () => starts.failed(),
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await Promise.all([...entries.values()].map((entry) => evict(entry, 'was removed')))
    },
  }
}

function idleSince({ running, tenant }: Entry): number | undefined {
  return tenant.isHeld() ? undefined : running.channel.idleSinceMs()
}

function longestIdle(entries: Entry[]): Entry | undefined {
  const idle = entries.flatMap((entry) => {
    const sinceMs = idleSince(entry)
    return sinceMs === undefined ? [] : [{ entry, sinceMs }]
  })
  return idle.sort((left, right) => left.sinceMs - right.sinceMs)[0]?.entry
}

type Backoff = { failed(): void; reset(): void; isOn(): boolean; isOld(): boolean }

/** The first failure may be an accident; from the second on there is a pause, longer each time. */
function openBackoff(): Backoff {
  let failures = 0
  let notBeforeMs = 0
  return {
    failed() {
      failures++
      const pauseMs = failures === 1 ? 0 : Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 2))
      notBeforeMs = performance.now() + pauseMs
    },
    reset() {
      failures = 0
      notBeforeMs = 0
    },
    isOn: () => performance.now() < notBeforeMs,
    isOld: () => performance.now() - notBeforeMs > STEADY_MS,
  }
}
