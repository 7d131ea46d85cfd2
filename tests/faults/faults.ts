// What can go wrong, each by its name. A fault does something to a product under load and takes it back; what is measured
// of it, and what must hold whatever it is, is in run-fault.ts.
import { setTimeout as sleep } from 'node:timers/promises'
import { startLoad } from './load.ts'
import { migrateUnderKills } from './migrations.ts'
import { askClickhouse } from './record.ts'
import {
  boundAuditStream,
  boundClickhouse,
  boundFiles,
  boundRedis,
  requireFullAuditStream,
  requireFullClickhouse,
  requireFullRedis,
  whyNoFileLimits,
} from './stores.ts'
import { POLICY, SLOW_CALLS, until, type FaultWorld } from './world.ts'

export type Settings = {
  /** How long NATS is cut off. */
  cutSeconds: number
  /** How long a store is full, a clock is off, an upstream is slow. */
  faultSeconds: number
}

export type Fault = {
  name: string
  what: string
  /** Instead of the usual number. */
  clients?: number
  /** Why it cannot be had on this machine; undefined where it can. */
  missing?(): string | undefined
  /** Does it and takes it back: recovery is counted from its end. What it finds wrong it throws. */
  inflict(world: FaultWorld, settings: Settings & { prefix: string }): Promise<void>
}

const SERVICES = [
  'mcp-gateway',
  'decision',
  'projects',
  'auth',
  'billing',
  'ingest',
  'mailer',
  'rest-gateway',
] as const
const STORES = ['nats', 'redis', 'postgres', 'clickhouse'] as const
const BACK_WITHIN_MS = 60_000
const HOUR_MS = 3_600_000

export const FAULTS: readonly Fault[] = [
  ...[...SERVICES, ...STORES].map(kill),
  {
    name: 'nats-cut',
    what: 'NATS hears and says nothing for a while',
    inflict: (world, { cutSeconds }) => stopped(world, 'nats', cutSeconds),
  },
  {
    name: 'redis-cut',
    what: 'Redis hears and says nothing for a while',
    inflict: (world, { faultSeconds }) => stopped(world, 'redis', faultSeconds),
  },
  {
    name: 'nats-full',
    what: 'the stream of records has no room left',
    async inflict(world, { faultSeconds }) {
      await boundAuditStream(world, 4_096)
      await sleep(faultSeconds * 1_000)
      await requireFullAuditStream(world).finally(() => boundAuditStream(world, Infinity))
    },
  },
  {
    name: 'redis-full',
    what: 'Redis has no memory left',
    async inflict(world, { faultSeconds }) {
      await boundRedis(world, 1)
      await sleep(faultSeconds * 1_000)
      await requireFullRedis(world).finally(() => boundRedis(world, 0))
    },
  },
  {
    name: 'postgres-full',
    what: 'PostgreSQL’s files may not grow',
    missing: whyNoFileLimits,
    inflict: postgresFull,
  },
  {
    name: 'clickhouse-full',
    what: 'ClickHouse has too little room left to take anything in',
    async inflict(world, { faultSeconds }) {
      await boundClickhouse(world, true)
      await sleep(faultSeconds * 1_000)
      await requireFullClickhouse(world).finally(() => boundClickhouse(world, false))
    },
  },
  {
    name: 'migration-killed',
    what: 'migrations are killed until they come to their end; services restart meanwhile',
    async inflict(world) {
      const migrating = migrateUnderKills(world)
      const victims = [...SERVICES]
      const restarting = (async () => {
        for (const victim of victims) {
          world.kill(victim)
          if (!(await until(world.isHealthy, BACK_WITHIN_MS))) throw new Error(`${victim} did not come back`)
        }
      })()
      await Promise.all([migrating, restarting])
    },
  },
  {
    name: 'clock-jumps',
    what: 'the clock of every service jumps two hours ahead, then two hours back',
    async inflict(world, { faultSeconds }) {
      for (const shiftMs of [2 * HOUR_MS, -2 * HOUR_MS]) {
        world.shiftClock(shiftMs)
        await sleep(faultSeconds * 1_000)
        if (shiftMs > 0) await requireRecordsAhead(world)
      }
      world.shiftClock(0)
    },
  },
  {
    name: 'slow-upstream',
    what: 'fifty clients wait for an upstream that takes longer than it may; the others must not',
    inflict: beSlow,
  },
  {
    name: 'thousand-clients',
    what: 'a thousand clients at once, and the gateway is killed under them',
    clients: 1_000,
    async inflict(world, { faultSeconds }) {
      await sleep(faultSeconds * 1_000)
      world.kill('mcp-gateway')
    },
  },
]

function kill(victim: (typeof SERVICES)[number] | (typeof STORES)[number]): Fault {
  return {
    name: `kill-${victim}`,
    what: `${victim} is killed (-9)`,
    async inflict(world) {
      world.kill(victim)
    },
  }
}

/** Throws when no record bears the time that the services were told. */
async function requireRecordsAhead({ product: { stack } }: FaultWorld): Promise<void> {
  const question = 'SELECT max(time) > now() + INTERVAL 1 HOUR FROM mcpshield.audit_records'
  const isAhead = async () => (await askClickhouse(stack.backing.clickhouseUrl, question)).trim() === '1'
  if (!(await until(isAhead, BACK_WITHIN_MS))) throw new Error('the clocks did not jump')
}

/** As a cut cable: what is sent is swallowed. */
async function stopped(world: FaultWorld, store: string, seconds: number): Promise<void> {
  const pid = world.pid(store)
  process.kill(pid, 'SIGSTOP')
  try {
    await sleep(seconds * 1_000)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** Somebody saves policies meanwhile: that must fail, and what did not fail must be there afterwards. */
async function postgresFull(world: FaultWorld, { faultSeconds }: Settings): Promise<void> {
  const { product } = world
  const save = (note: string) => product.setPolicy(`${POLICY}# ${note}\n`)
  let [saved, refused] = [await save('before'), 0]
  const endMs = performance.now() + faultSeconds * 1_000
  while (performance.now() < endMs) {
    boundPostgres(world, 1)
    await save('meanwhile').then(
      (version) => (saved = version),
      () => refused++,
    )
    await sleep(100)
  }
  boundPostgres(world, Infinity)
  if (refused === 0) throw new Error('PostgreSQL is not full')
  if (!(await until(world.isHealthy, BACK_WITHIN_MS))) throw new Error('PostgreSQL did not come back')
  const { version } = await product.demo.api.get<{ version: number }>(`${product.at}/policy`)
  if (version < saved) throw new Error(`version ${saved} of a policy was saved, and ${version} is there`)
}

/** One that ended of it, and was started again, is bounded again. */
function boundPostgres({ product: { stack } }: FaultWorld, maxBytes: number): void {
  const pid = stack.pids()['postgres']
  if (pid !== undefined) boundFiles(pid, maxBytes)
}

const SLOW_CLIENTS = 50
/** A call that nothing holds up takes milliseconds; so much is a busy machine's. */
const NOT_HELD_UP_MS = 1_500

async function beSlow(
  world: FaultWorld,
  { faultSeconds, prefix }: Settings & { prefix: string },
): Promise<void> {
  const { product, slow } = world
  slow.delayMs = 60_000
  const waiting = startLoad({
    clients: SLOW_CLIENTS,
    url: product.stack.mcp,
    key: product.demo.account.api_key,
    calls: SLOW_CALLS,
    prefix: `${prefix}s`,
  })
  const took: number[] = []
  const endMs = performance.now() + Math.max(5, faultSeconds) * 1_000
  while (performance.now() < endMs) {
    const startedMs = performance.now()
    await (await fetch(`${product.stack.api}/ready`)).text()
    const answer = await fetch(product.stack.mcp, quickCall(product.demo.account.api_key))
    await answer.text()
    took.push(performance.now() - startedMs)
    await sleep(50)
  }
  slow.delayMs = 0
  const { wrong } = await waiting.stop()
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
  const longestMs = Math.round(Math.max(...took))
  if (longestMs > NOT_HELD_UP_MS) throw new Error(`a call to another upstream took ${longestMs} ms`)
}

function quickCall(key: string): RequestInit {
  const params = { name: 'rec__safe_echo', arguments: { text: 'quick' } }
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'x-api-key': key,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    signal: AbortSignal.timeout(15_000),
  }
}
