// The record's first page with three filters, through the whole API, on so many million records; beside what the
// smallest question costs the same ClickHouse in the same run. Ten million take minutes: `npm run bench -- audits 1 10`.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type ClickHouseClient } from '@clickhouse/client'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { prepareDemo } from '@mcpshield/infra/dev/demo.ts'
import { type RestClient } from '@mcpshield/infra/dev/rest-client.ts'
import { startStack } from '@mcpshield/infra/dev/stack.ts'
import { quantile } from './load.ts'

export type AuditsBench = { rows: number; p50Ms: number; p99Ms: number; selectOneP50Ms: number }[]

const PORTS = { API_PORT: '18000', MCP_PORT: '18100', DECISION_PORT: '18200', MAIL_PORT: '18025' }
const MILLION = 1_000_000
const TRIES = 200
const SPAN_DAYS = 28

/** `millions`: ascending, each a size of the record to measure at. */
export async function benchAudits(
  millions: readonly number[],
  progress: (line: string) => void,
): Promise<AuditsBench> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-bench-'))
  try {
    using dataDir = openDataDir(folder)
    const env = { ...process.env, ...PORTS, LOG_LEVEL: 'warn' }
    await using stack = await startStack({ dataDir, env, progress })
    const { account, api } = await prepareDemo(stack, dataDir, progress)
    const { org_id } = await api.get<{ org_id: string }>(`/projects/${account.project_id}`)
    const url = new URL(stack.backing.clickhouseUrl)
    url.pathname = '/mcpshield'
    const clickhouse = createClient({ url: url.href, request_timeout: 600_000 })
    const figures: AuditsBench = []
    let rows = 0
    for (const size of millions) {
      for (; rows < size * MILLION; rows += MILLION) {
        await fill(clickhouse, org_id, account.project_id, rows)
        progress(`${rows / MILLION + 1} million records`)
      }
      figures.push({ rows, ...(await measure(api, clickhouse, account.project_id)) })
    }
    await clickhouse.close()
    return figures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One million decisions more, spread over the last weeks, of many tools and rules. */
async function fill(
  clickhouse: ClickHouseClient,
  orgId: string,
  projectId: string,
  from: number,
): Promise<void> {
  await clickhouse.command({
    query: `INSERT INTO mcpshield.audit_records
      (org_id, project_id, time, decision, id, kind, method, tool, arguments, facts, rule, reason, mode, agent, received_at, retain_until)
    SELECT toUUID({org:String}), toUUID({project:String}),
      now64(3) - toIntervalSecond(3600 + cityHash64(number, 1) % ${(SPAN_DAYS - 1) * 86_400}) AS at,
      ['allow', 'allow', 'allow', 'deny', 'ask'][1 + cityHash64(number, 2) % 5],
      generateUUIDv4(), 'decision', 'tools/call',
      concat('server', toString(cityHash64(number, 3) % 20), '/tool', toString(cityHash64(number, 4) % 10)),
      concat('{"sql":"select * from orders where id = ', toString(number), '"}'), '{"paths":[],"urls":[],"accesses":[]}',
      concat('rule-', toString(cityHash64(number, 5) % 50)), 'Allowed by the rule read-orders.', 'enforce', 'bench', at,
      now() + toIntervalDay(30)
    FROM numbers(${from}, ${MILLION})`,
    query_params: { org: orgId, project: projectId },
  })
}

/** Three filters: project, decision and a span of time that differs from question to question. */
async function measure(
  api: RestClient,
  clickhouse: ClickHouseClient,
  projectId: string,
): Promise<Omit<AuditsBench[number], 'rows'>> {
  const pages: number[] = []
  const ones: number[] = []
  for (let at = 0; at < TRIES; at++) {
    const to = new Date(Date.now() - (at % (SPAN_DAYS - 8)) * 86_400_000)
    const from = new Date(to.getTime() - 7 * 86_400_000)
    const query = new URLSearchParams({
      project_id: projectId,
      decision: 'deny',
      from: from.toISOString(),
      to: to.toISOString(),
    })
    const page = await timed(() => api.get<{ items: unknown[] }>(`/audits?${query.toString()}`))
    if (page.value.items.length !== 50) throw new Error(`a page of ${page.value.items.length} records`)
    if (at >= 20) pages.push(page.ms)
    ones.push((await timed(async () => (await clickhouse.query({ query: 'SELECT 1' })).text())).ms)
  }
  return { p50Ms: quantile(pages, 0.5), p99Ms: quantile(pages, 0.99), selectOneP50Ms: quantile(ones, 0.5) }
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const startedMs = performance.now()
  const value = await work()
  return { ms: performance.now() - startedMs, value }
}
