import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { nanos } from 'nats'
import { consumption } from '@mcpshield/contracts/flow'
import { startClickhouse } from '@mcpshield/infra/dev/clickhouse.ts'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { expect, test } from 'vitest'
import { connectClickhouse } from '../src/clickhouse.ts'
import { applyTables } from '../src/tables.ts'
import { makeEvent, ORG, outcomeOf } from './events.ts'
import { eventually, forkIngest, killed, listAudits, newestFirst, shownOf, walk } from './stack.ts'

const EVENTS = 10_000
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
    const store = stack.use(connectClickhouse(clickhouse.url))
    await applyTables(store)
    const bus = stack.use(await startTestBus(silent))
    await redeliverSoon(bus)
    const publisher = stack.use(await bus.connect('mcp-gateway'))
    const env = { NATS_URL: bus.url, NATS_CREDS: bus.creds('ingest'), CLICKHOUSE_URL: clickhouse.url }
    let ingest = await forkIngest(env)
    stack.defer(async () => void (await killed(ingest, 'SIGKILL')))

    const decisions = Array.from({ length: EVENTS }, (_, at) =>
      makeEvent({ time: new Date(Date.UTC(2026, 2, 1) + Math.floor(at / 3)).toISOString() }),
    )
    let published = 0
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

    const gateway = stack.use(await bus.connect('rest-gateway'))
    const stored = () =>
      store
        .select<{ decisions: number; outcomes: number }>(
          `SELECT (SELECT uniqExact(id) FROM ${store.database}.audit_decisions) AS decisions,
                (SELECT uniqExact(id) FROM ${store.database}.audit_outcomes) AS outcomes`,
          {},
        )
        .then(([row]) => row)
        .catch(() => undefined)
    const complete = { decisions: EVENTS, outcomes: EVENTS }
    expect(
      await eventually(stored, (row) => row?.decisions === EVENTS && row.outcomes === EVENTS, 90_000),
    ).toEqual(complete)
    const pages = await walk(gateway, await listAudits(gateway, { limit: 200 }, ORG), 'next_cursor', {
      limit: 200,
    })
    const items = shownOf(pages)
    expect(items.map(({ time, id }) => `${time} ${id}`)).toEqual(newestFirst(decisions))
    expect(items.filter(({ outcome }) => outcome !== 'ok')).toEqual([])

    await expect(killed(ingest, 'SIGTERM')).resolves.toBe(0)
    ingest = await forkIngest(env)
  },
)

/** What a killed process held comes again after this long rather than a minute: the test is to end. */
async function redeliverSoon(bus: TestBus): Promise<void> {
  const { stream, durable } = consumption.ingestAudit
  const connection = await bus.raw('provision')
  const manager = await jetstreamManager(connection)
  await manager.consumers.update(stream, durable, { ack_wait: nanos(3_000) })
  await connection.close()
}
