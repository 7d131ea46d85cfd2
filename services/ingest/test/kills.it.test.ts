import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { jetstreamManager } from '@nats-io/jetstream'
import { nanos } from 'nats'
import { AppError, ERRORS } from '@mcpshield/contracts/errors'
import { consumption } from '@mcpshield/contracts/flow'
import { ingest as ingestContract, type ReportedEvent } from '@mcpshield/contracts/ingest'
import { startClickhouse } from '@mcpshield/infra/dev/clickhouse.ts'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshRedis } from '@mcpshield/testkit/fresh'
import { expect, test } from 'vitest'
import { connectClickhouse } from '../src/clickhouse.ts'
import { applyTables } from '../src/tables.ts'
import { makeEvent, ORG, outcomeOf, PROJECT } from './events.ts'
import {
  eventually,
  forkIngest,
  keyOf,
  killed,
  listAudits,
  newestFirst,
  personOf,
  shownOf,
  walk,
  type Gateway,
} from './stack.ts'

const EVENTS = 10_000
const REPORTS = 1_000
const KILLS = 6

test(
  'nothing is lost or doubled when ingest and ClickHouse are killed again and again',
  { timeout: 180_000 },
  async () => {
    await using stack = new AsyncDisposableStack()
    const folder = mkdtempSync(join(tmpdir(), 'mcpshield-kills-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const dataDir = stack.use(openDataDir(folder))
    const clickhouse = stack.use(
      await startClickhouse({
        dataDir,
        programsDir: folder,
        env: process.env,
        progress: () => undefined,
      }),
    )
    const redis = stack.use(await freshRedis())
    const store = stack.use(connectClickhouse(clickhouse.url))
    await applyTables(store)
    const bus = stack.use(await startTestBus(silent))
    await redeliverSoon(bus)
    const publisher = stack.use(await bus.connect('mcp-gateway'))
    const env = {
      NATS_URL: bus.url,
      NATS_CREDS: bus.creds('ingest'),
      CLICKHOUSE_URL: clickhouse.url,
      REDIS_URL: redis.url,
    }
    let ingest = await forkIngest(env)
    stack.defer(async () => void (await killed(ingest, 'SIGKILL')))

    const decisions = Array.from({ length: EVENTS }, (_, at) =>
      makeEvent({ time: new Date(Date.UTC(2026, 2, 1) + Math.floor(at / 3)).toISOString() }),
    )
    let published = 0
    const reports = Array.from({ length: REPORTS }, (_, at) => ({
      event_id: crypto.randomUUID(),
      type: 'policy_check' as const,
      tool: 'shell.run',
      timestamp: new Date().toISOString(),
      // Each second one is of a decision that is recorded anyhow.
      ...(at % 2 === 0 ? {} : { decision_id: decisions[at]!.id }),
    }))
    const gateway = stack.use(await bus.connect('rest-gateway'))
    const reporting = (async () => {
      for (let at = 0; at < REPORTS; at += 50) await reportUntilTaken(gateway, reports.slice(at, at + 50))
    })()
    const publishing = (async () => {
      for (let at = 0; at < EVENTS; at += 100) {
        const group = decisions.slice(at, at + 100)
        await Promise.all(group.map((event) => publisher.audit.record(event)))
        await Promise.all(group.map((event) => publisher.audit.record(outcomeOf(event))))
        published = at + group.length
        await sleep(60)
      }
    })()
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(300 + kill * 100)
      if (kill % 3 === 1) process.kill(clickhouse.pid!, 'SIGKILL')
      await sleep(100)
      await killed(ingest, 'SIGKILL')
      ingest = await forkIngest(env)
    }
    expect(published).toBeGreaterThan(0)
    await publishing
    await reporting

    const stored = () =>
      store
        .select<{ decisions: number; outcomes: number; reports: number }>(
          `SELECT (SELECT uniqExact(id) FROM ${store.database}.audit_records WHERE kind = 'decision') AS decisions,
                (SELECT uniqExact(id) FROM ${store.database}.audit_results) AS outcomes,
                (SELECT uniqExact(id) FROM ${store.database}.audit_records
                 WHERE kind = 'report' AND decision_id IS NULL) AS reports`,
          {},
        )
        .then(([row]) => row)
        .catch(() => undefined)
    const complete = { decisions: EVENTS, outcomes: EVENTS, reports: REPORTS / 2 }
    expect(await eventually(stored, (row) => isDeepStrictEqual(row, complete), 90_000)).toEqual(complete)
    const pages = await walk(gateway, await listAudits(gateway, { limit: 200 }, ORG), 'next_cursor', {
      limit: 200,
    })
    const all = shownOf(pages)
    const items = all.filter(({ kind }) => kind === 'decision')
    // One decision is one record: of the reports only those are shown that name none.
    const reported = all.filter(({ kind }) => kind === 'report')
    expect(new Set(reported.map(({ request_id }) => request_id))).toEqual(
      new Set(reports.filter((each) => !('decision_id' in each)).map(({ event_id }) => event_id)),
    )
    expect(reported).toHaveLength(REPORTS / 2)
    expect(items.map(({ time, id }) => `${time} ${id}`)).toEqual(newestFirst(decisions))
    expect(items.filter(({ outcome }) => outcome !== 'ok')).toEqual([])

    // Each event counts once, in Redis as in ClickHouse.
    const usage = await gateway.call(ingestContract.rpc.getMonthlyUsage, { months: 1 }, personOf(ORG))
    expect(usage.items[0]?.count).toBe(EVENTS + REPORTS / 2)
    const again = await gateway.call(
      ingestContract.rpc.reportEvents,
      { events: reports.slice(0, 100) },
      keyOf(ORG, PROJECT),
    )
    expect(again).toMatchObject({ accepted: 0, duplicates: 100, usage: { count: EVENTS + REPORTS / 2 } })

    await expect(killed(ingest, 'SIGTERM')).resolves.toBe(0)
    ingest = await forkIngest(env)
  },
)

/** As a client does: sent again until it is taken. */
async function reportUntilTaken(gateway: Gateway, events: ReportedEvent[]): Promise<void> {
  for (;;) {
    try {
      await gateway.call(ingestContract.rpc.reportEvents, { events }, keyOf(ORG, PROJECT))
      return
    } catch (error) {
      if (!(error instanceof AppError && ERRORS[error.code].retry)) throw error
      await sleep(100)
    }
  }
}

/** What a killed process held comes again after this long rather than a minute: the test is to end. */
async function redeliverSoon(bus: TestBus): Promise<void> {
  const { stream, durable } = consumption.ingestAudit
  const connection = await bus.raw('provision')
  const manager = await jetstreamManager(connection)
  await manager.consumers.update(stream, durable, { ack_wait: nanos(3_000) })
  await connection.close()
}
