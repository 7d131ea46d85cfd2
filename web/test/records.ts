// Somebody's records to look at: a project with a database, a policy that allows, asks and denies, and an agent that called.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { newAgent, type Answer } from './agent.ts'
import { api, newPerson, newProject, until, type Person } from './browser.ts'

const POLICY = `version: 1
default: deny
rules:
  - id: suppliers-by-hand
    tool: "sqlite.query"
    decision: ask
    conditions: { operations: [read], resources: ["suppliers", "main.suppliers"] }
    timeout: 10m
  - id: price-list
    tool: "sqlite.query"
    decision: allow
    conditions: { operations: [read], resources: ["products", "main.products"] }
    limits: { max_rows: 100 }
`

export type Approval = { id: string; state: string; arguments: { sql: string } }
export type Held = { approval: Approval; answer: Promise<Answer> }
export type Records = {
  owner: Person
  apiKey: string
  /** Of the API, below the project. */
  at(path?: string): string
  /** Of the dashboard, below the project. */
  inApp(path?: string): string
  query(sql: string): Promise<Answer>
  /** A call that waits for a person. `shown`: what the list shows of it, where that is not all. */
  hold(sql: string, shown?: string): Promise<Held>
  refuse(held: Held): Promise<void>
  [Symbol.dispose](): void
}

export async function makeRecords(): Promise<Records> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-records-'))
  const path = join(folder, 'shop.sqlite')
  const database = new DatabaseSync(path)
  database.exec(`create table products (name text, price integer); insert into products values ('Pencil', 120);
    create table suppliers (id integer, name text); insert into suppliers values (1, 'Example Paper')`)
  database.close()
  const owner = await newPerson('Olga')
  const project = await newProject(owner)
  const at = (below = '') => `/projects/${project.id}${below}`
  await api(owner.token, 'POST', at('/connections'), { name: 'shop', kind: 'sqlite', path })
  const { version } = await api<{ version: number }>(owner.token, 'GET', at('/policy'))
  await api(owner.token, 'PUT', at('/policy'), { policy_yaml: POLICY }, { 'if-match': `"${version}"` })
  const key = await api<{ api_key: string }>(owner.token, 'POST', at('/keys'), { name: 'nightly-report' })
  // The key, the database and the policy are known everywhere within a second.
  const agent = await until(async () => {
    const made = await newAgent(key.api_key, 'night-agent')
    const { result } = await made.request('tools/list')
    if (!JSON.stringify(result ?? {}).includes('sqlite__query')) throw new Error('Not in force yet.')
    return made
  })
  const query = (sql: string) => agent.request('tools/call', { name: 'sqlite__query', arguments: { sql } })
  await until(async () => {
    const { result } = await query('select name from products')
    if (result === undefined || result['isError'] === true) throw new Error('The policy is not in force yet.')
  })
  await query('drop table products')
  return {
    owner,
    apiKey: key.api_key,
    at,
    inApp: (below) => `/app${at(below)}`,
    query,
    async hold(sql, shown = sql) {
      const answer = query(sql)
      const approval = await until(async () => {
        const { items } = await api<{ items: Approval[] }>(owner.token, 'GET', at('/approvals?state=pending'))
        const found = items.find(({ arguments: args }) => args.sql.includes(shown))
        if (found === undefined) throw new Error('It is not held yet.')
        return found
      })
      return { approval, answer }
    },
    async refuse({ approval, answer }) {
      await api(owner.token, 'POST', at(`/approvals/${approval.id}/refuse`), {})
      await answer
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** As `reportEvents`, and waits until all of them are found. */
export async function recordEvents(
  by: Person,
  apiKey: string,
  count: number,
  untilMs: number,
): Promise<void> {
  await reportEvents(apiKey, count, untilMs)
  await until(async () => {
    const { total } = await api<{ total: { count: number } }>(by.token, 'GET', '/audits/counts?rule=reported')
    if (total.count < count) throw new Error(`${total.count} of ${count} are found.`)
  })
}

/** Reports that many events, a second apart until a moment, every second of them allowed, by seven tools. */
export async function reportEvents(apiKey: string, count: number, untilMs = Date.now()): Promise<void> {
  const startMs = untilMs - count * 1_000
  const events = Array.from({ length: count }, (_, each) => ({
    event_id: randomUUID(),
    type: 'policy_check',
    tool: `files.read_${each % 7}`,
    decision: each % 2 === 0 ? 'allow' : 'deny',
    rule: 'reported',
    timestamp: new Date(startMs + each * 1_000).toISOString(),
    metadata: { number: each },
  }))
  const AT_ONCE = 1_000
  for (let from = 0; from < count; from += AT_ONCE) {
    const body = { events: events.slice(from, from + AT_ONCE) }
    await until(() => api(undefined, 'POST', '/events/ingest', body, { 'x-api-key': apiKey }))
  }
}
