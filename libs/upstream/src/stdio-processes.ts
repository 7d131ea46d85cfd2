// The processes of one upstream: how many there may be, how long they may idle, how soon they are started again.
import type { Log } from '@mcpshield/runtime/log'
import { openBackoff, type Backoff } from './backoff.ts'
import { unavailable } from './failures.ts'
import { startProcess, type Running, type StdioSpec } from './stdio-process.ts'

export type Tenant = {
  /** Processes of the same owner are started again no sooner than they may. */
  owner: string
  /** Whose speakers it is for; null for nobody's alone. */
  subject: string | null
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
  /** Throws an AppError when as many others are held as may be: the rest is for calls. */
  checkHold(running: Running): void
}

type Entry = { tenant: Tenant; running: Running; readyAtMs: number | undefined }

type State = {
  entries: Map<Running, Entry>
  /** Of starts that came to nothing, and of each owner's crashes after that. */
  starts: Backoff
  crashes: Map<string, Backoff>
}

const MAX_PROCESSES = 16
const MAX_HELD = 8
/** Of one subject: however many clients it pretends to be, others find a process. */
const MAX_OF_ONE = 12
const IDLE_MS = 10 * 60_000
const SWEEP_MS = 30_000
/** Who lived that long did not crash because of its start. */
const STEADY_MS = 60_000

export function openProcesses(spec: StdioSpec, log: Log): Processes {
  const state: State = { entries: new Map(), starts: openBackoff(), crashes: new Map() }
  const { entries, starts } = state
  const timer = setInterval(() => sweep(state), SWEEP_MS)
  timer.unref()
  return {
    start(tenant) {
      makeRoom(state, spec.slug, tenant)
      const running = startProcess(spec, log)
      entries.set(running, { tenant, running, readyAtMs: undefined })
      void running.ended.then(() => over(state, running))
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
    checkHold(running) {
      const others = [...entries.values()].filter((each) => each.running !== running && each.tenant.isHeld())
      if (others.length >= MAX_HELD)
        throw unavailable(spec.slug, `already keeps ${MAX_HELD} processes for clients that listen`)
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await Promise.all([...entries.values()].map((entry) => evict(state, entry, 'was removed')))
    },
  }
}

/** Throws an AppError when there may be no other process now. */
function makeRoom(state: State, slug: string, { owner, subject }: Tenant): void {
  const { entries, starts, crashes } = state
  if (starts.isOn() || crashes.get(owner)?.isOn())
    throw unavailable(slug, 'stopped and is started again in a moment')
  const all = [...entries.values()]
  const own = all.filter(({ tenant }) => subject !== null && tenant.subject === subject)
  if (own.length >= MAX_OF_ONE) {
    const longest = longestIdle(own)
    if (longest === undefined)
      throw unavailable(slug, `already runs ${MAX_OF_ONE} processes for this credential, all of them busy`)
    return void evict(state, longest, 'made room for another session')
  }
  if (entries.size < MAX_PROCESSES) return
  const longest = longestIdle(all)
  if (longest === undefined)
    throw unavailable(slug, `already runs ${MAX_PROCESSES} processes, all of them busy`)
  void evict(state, longest, 'made room for another session')
}

function evict({ entries }: State, { running, tenant }: Entry, why: string): Promise<void> {
  entries.delete(running)
  tenant.onEnd(false)
  return running.stop(why)
}

function over({ entries, crashes }: State, running: Running): void {
  const entry = entries.get(running)
  if (entry === undefined) return
  entries.delete(running)
  const { tenant, readyAtMs } = entry
  if (readyAtMs !== undefined && !running.isStopping()) {
    const backoff = crashes.get(tenant.owner) ?? openBackoff()
    crashes.set(tenant.owner, backoff)
    if (performance.now() - readyAtMs > STEADY_MS) backoff.reset()
    backoff.failed()
  }
  tenant.onEnd(!running.isStopping())
}

function sweep(state: State): void {
  for (const entry of state.entries.values()) {
    const idleSinceMs = idleSince(entry)
    if (idleSinceMs !== undefined && performance.now() - idleSinceMs > IDLE_MS)
      void evict(state, entry, 'was idle')
  }
  for (const [owner, backoff] of state.crashes) if (backoff.isOld(STEADY_MS)) state.crashes.delete(owner)
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
