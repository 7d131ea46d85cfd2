// How long the first page of GET /audits takes with three filters, on a table of so many rows:
// node services/ingest/test/page-speed.ts http://user:password@host:8123/a_database_for_it 1000000
import { connectClickhouse, type ClickHouse } from '../src/clickhouse.ts'
import { selectDecisions, type AuditFilter } from '../src/queries.ts'
import { scopeOf } from '../src/scope.ts'
import { applyTables } from '../src/tables.ts'

const DAYS = 28
const PROJECTS = 10
const ORGANIZATIONS = 4
const ASKED = 300
const id = (kind: number, at: number) => `0000000${kind}-0000-4000-8000-${String(at).padStart(12, '0')}`

/** One row in four is the organisation's that is asked about; its calls are spread over days and projects. */
async function fill(store: ClickHouse, rows: number): Promise<void> {
  const step = 500_000
  for (let from = 0; from < rows; from += step) {
    const count = Math.min(step, rows - from)
    await store.command(`INSERT INTO ${store.database}.audit_records
      (org_id, project_id, time, decision, id, kind, method, tool, arguments, rule, reason, mode, agent,
       received_at, retain_until)
      WITH cityHash64(number) AS h, now64(3) - toIntervalSecond(h % ${DAYS * 86_400}) AS at
      SELECT toUUID(concat('00000001-0000-4000-8000-', leftPad(toString(h % ${ORGANIZATIONS}), 12, '0'))),
        toUUID(concat('00000002-0000-4000-8000-', leftPad(toString(bitShiftRight(h, 8) % ${PROJECTS}), 12, '0'))),
        at, ['allow', 'allow', 'allow', 'allow', 'allow', 'allow', 'allow', 'deny', 'deny', 'ask'][1 + bitShiftRight(h, 16) % 10],
        generateUUIDv4(), 'decision', 'tools/call', concat('tool_', toString(bitShiftRight(h, 24) % 50)),
        concat('{"sql":"SELECT * FROM t WHERE id = ', toString(number), '"}'), concat('rule-', toString(bitShiftRight(h, 32) % 20)),
        'Reads public.customers.', 'enforce', 'agent', at, now() + INTERVAL 30 DAY
      FROM numbers(${from}, ${count})`)
  }
}

function quantile(sorted: number[], share: number): string {
  return `${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1)} ms`
}

async function measure(
  store: ClickHouse,
  name: string,
  filterAt: (at: number) => AuditFilter,
): Promise<void> {
  const scope = scopeOf(store, id(1, 1), 30)
  const times: number[] = []
  for (let at = 0; at < ASKED; at++) {
    const startedMs = performance.now()
    const rows = await selectDecisions(scope, filterAt(at), { direction: 'older' }, 51)
    if (rows.length === 0) throw new Error(`${name}: nothing found`)
    times.push(performance.now() - startedMs)
  }
  times.sort((a, b) => a - b)
  console.log(`${name.padEnd(40)} p50 ${quantile(times, 0.5)}  p99 ${quantile(times, 0.99)}`)
}

const [url, count = '1000000'] = process.argv.slice(2)
if (url === undefined) throw new Error('The address of a ClickHouse database is missing.')
await using store = connectClickhouse(url)
await applyTables(store)
await fill(store, Number(count))
const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
const decision = (at: number) => (['deny', 'allow', 'ask'] as const)[at % 3]!
const project_id = (at: number) => id(2, at % PROJECTS)
const within = (at: number) => ({ from: ago(2 + (at % 20)), to: ago(1 + (at % 20)) })
console.log(`${count} rows: ${ASKED} first pages of 50 each`)
await measure(store, 'project, decision, time', (at) => ({
  project_id: project_id(at),
  decision: decision(at),
  ...within(at),
}))
await measure(store, 'decision, tool, time', (at) => ({
  decision: decision(at),
  tool: `tool_${at % 50}`,
  ...within(at),
}))
await measure(store, 'project, rule, decision', (at) => ({
  project_id: project_id(at),
  rule: `rule-${at % 20}`,
  decision: decision(at),
}))
await measure(store, 'nothing', () => ({}))
