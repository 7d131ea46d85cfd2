// The demo: the product's main job on real input. A real MCP client goes through the gateway to a real
// file-system server and to real databases; then the same decisions are read back from the audit API.
// Every line shown comes from the running system.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import pc from 'picocolors'
import { connectBus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import { AppError } from '@mcpshield/contracts/errors'
import { flow } from '@mcpshield/contracts/flow'
import type { DataDir } from './data-dir.ts'
import { demoPolicy } from './demo-policy.ts'
import { ApiRefusal, signIn, type RestClient } from './rest-client.ts'
import { makeSampleData, type SampleData } from './sample-data.ts'
import type { Stack } from './stack.ts'
import { table } from './table.ts'

export type DemoAccount = { email: string; password: string; api_key: string; project_id: string }
export type Demo = { account: DemoAccount; sample: SampleData; api: RestClient }

const EMAIL = 'demo@example.com'
const PROJECT = 'Demo'

/**
 * Makes the demo's person, project, systems and policy, or finds those of an earlier start. A start that was cut off
 * is gone on with: whatever is there already stays.
 */
export async function prepareDemo(
  stack: Stack,
  dataDir: DataDir,
  progress: (line: string) => void,
): Promise<Demo> {
  progress('preparing the demo')
  const folder = join(dataDir.path, 'demo')
  const sample = await makeSampleData(stack.backing.databaseUrl, folder, dataDir.secret('demo-database'))
  const person = { email: EMAIL, password: dataDir.secret('demo-password') }
  const file = join(dataDir.path, 'secrets', 'demo.json')
  if (existsSync(file)) {
    const account = JSON.parse(readFileSync(file, 'utf8')) as DemoAccount
    return { account, sample, api: await signIn(stack.api, person) }
  }
  await createPerson(stack, person)
  const api = await signInOnceOwner(stack.api, person)
  const project = (await findDemoProject(api)) ?? (await createDemoProject(api))
  const key = await fillProject(api, project.id, sample)
  const account = { ...person, api_key: key, project_id: project.id }
  writeFileSync(file, JSON.stringify(account), { mode: 0o600 })
  return { account, sample, api }
}

type Named = { id: string; name: string }

async function findDemoProject(api: RestClient): Promise<Named | undefined> {
  const { items } = await api.get<{ items: Named[] }>('/projects')
  return items.find((project) => project.name === PROJECT)
}

function createDemoProject(api: RestClient): Promise<Named> {
  return api.send('POST', '/projects', {
    name: PROJECT,
    environment: 'dev',
    infrastructure: ['postgresql', 'sqlite', 'files'],
  })
}

async function createPerson(stack: Stack, person: { email: string; password: string }): Promise<void> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const creds = readFileSync(stack.credsFile('operator'), 'utf8')
  await using bus = await connectBus(
    { url: stack.backing.natsUrl, creds, name: 'operator', log },
    flow.operator,
  )
  try {
    await bus.call(auth.rpc.createUser, { ...person, first_name: 'Demo', last_name: 'Person' })
  } catch (error) {
    // There since an earlier start.
    if (!(error instanceof AppError && error.code === 'CONFLICT')) throw error
  }
}

/** The organisation follows the registration by an event: signing in works as soon as it is there. */
async function signInOnceOwner(
  api: string,
  person: { email: string; password: string },
): Promise<RestClient> {
  const client = await signIn(api, person)
  for (let tries = 0; ; tries++) {
    try {
      await client.get('/projects')
      return client
    } catch (error) {
      if (tries === 50) throw error
      await sleep(100)
    }
  }
}

async function fillProject(api: RestClient, projectId: string, sample: SampleData): Promise<string> {
  const at = (path: string) => `/projects/${projectId}${path}`
  await sendOnce(api, at('/connections'), { name: 'shop', kind: 'postgresql', url: sample.postgresUrl })
  await sendOnce(api, at('/connections'), { name: 'prices', kind: 'sqlite', path: sample.sqlitePath })
  const server = createRequire(import.meta.url).resolve(
    '@modelcontextprotocol/server-filesystem/package.json',
  )
  await sendOnce(api, at('/upstreams'), {
    slug: 'files',
    transport: 'stdio',
    command: process.execPath,
    args: [join(dirname(server), 'dist/index.js'), sample.folder],
  })
  const policy = { policy_yaml: demoPolicy(sample.publicFolder), note: 'The demo’s policy' }
  await api.send('PUT', at('/policy'), policy, { 'if-match': '*' })
  const key = await api.send<{ api_key: string }>('POST', at('/keys'), {
    name: 'demo agent',
    labels: ['demo'],
  })
  return key.api_key
}

/** Makes a thing unless one of its name is there. */
async function sendOnce(api: RestClient, path: string, body: object): Promise<void> {
  await api.send('POST', path, body).catch((error: unknown) => {
    if (!(error instanceof ApiRefusal && error.status === 409)) throw error
  })
}

type Step = { shows: string; name: string; args: Record<string, unknown> }

function steps(sample: SampleData): Step[] {
  const sql = (text: string) => ({ sql: text })
  const read = (path: string) => ({ path })
  return [
    {
      shows: 'a file of the public folder',
      name: 'files__read_text_file',
      args: read(join(sample.publicFolder, 'welcome.txt')),
    },
    {
      shows: 'the private folder, by ..',
      name: 'files__read_text_file',
      args: read(join(sample.publicFolder, '..') + '/../files/private/salaries.txt'),
    },
    { shows: 'orders', name: 'postgres__query', args: sql('select id, total_cents from orders order by id') },
    { shows: 'salaries', name: 'postgres__query', args: sql('select * from hr.salaries') },
    {
      shows: 'salaries, hidden in a CTE',
      name: 'postgres__query',
      args: sql('with orders as (select amount_cents from hr.salaries) select * from orders'),
    },
    {
      shows: 'a write that looks like a read',
      name: 'postgres__query',
      args: sql('with d as (delete from orders returning *) select * from d'),
    },
    {
      shows: 'customers, redacted',
      name: 'postgres__query',
      args: sql('select name, email, phone from customers order by id'),
    },
    { shows: 'the price list', name: 'sqlite__query', args: sql('select name, price_cents from products') },
    {
      shows: 'suppliers’ bank accounts',
      name: 'sqlite__query',
      args: sql('select bank_account from suppliers'),
    },
    {
      shows: 'the price list again',
      name: 'sqlite__query',
      args: sql('select count(*) as products from products'),
    },
    {
      shows: 'and once more',
      name: 'sqlite__query',
      args: sql('select max(price_cents) as most from products'),
    },
  ]
}

/** A key is known everywhere within a second of its making. */
async function connectClient(mcp: string, apiKey: string): Promise<Client> {
  for (let tries = 0; ; tries++) {
    const client = new Client({ name: 'mcpshield-demo', version: '0.1.0' })
    try {
      const requestInit = { headers: { 'x-api-key': apiKey } }
      await client.connect(new StreamableHTTPClientTransport(new URL(mcp), { requestInit }))
      return client
    } catch (error) {
      if (tries === 20) throw error
      await sleep(100)
    }
  }
}

type CallResult = {
  content: { type: string; text?: string }[]
  isError?: boolean
  _meta?: Record<string, unknown>
}
type Shown = { decision: string; rule: string; answer: string }

/** Runs the calls and returns two tables: what the client saw, and what the audit API says of it. */
export async function runDemo(
  stack: Stack,
  { account, sample, api }: Demo,
  progress: (line: string) => void,
): Promise<string> {
  progress('running the demo')
  const from = new Date(Date.now() - 1_000).toISOString()
  const client = await connectClient(stack.mcp, account.api_key)
  const { tools } = await client.listTools()
  const seen: (Step & Shown)[] = []
  for (const step of steps(sample)) {
    const result = (await client.callTool({ name: step.name, arguments: step.args })) as CallResult
    seen.push({ ...step, ...shown(result) })
  }
  await client.close()
  const recorded = await readBack(api, account.project_id, from, seen.length)
  const calls = seen.map((each) => [each.name, each.shows, colour(each.decision), each.rule, each.answer])
  return [
    '',
    pc.bold(`An agent sees ${tools.length} tools: ${tools.map((tool) => tool.name).join(', ')}`),
    table(['tool', 'what is asked for', 'decision', 'rule', 'what the agent got'], calls),
    '',
    pc.bold('The same calls, read back from GET /audits'),
    table(['time', 'tool', 'decision', 'rule', 'outcome', 'ms', 'rows', 'redacted'], recorded),
    '',
  ].join('\n')
}

function shown(result: CallResult): Shown {
  const denied = result._meta?.['io.mcpshield/decision'] as { decision: string; rule: string } | undefined
  const text = result.content.map((each) => each.text ?? each.type).join(' ')
  const rows = /"rows":(\[.*\])/.exec(text)?.[1]
  if (denied !== undefined) return { decision: denied.decision, rule: denied.rule, answer: text }
  return { decision: result.isError ? 'failed' : 'allow', rule: '', answer: rows ?? text }
}

type AuditItem = {
  time: string
  tool: string
  decision: string
  rule: string
  outcome: string | null
  duration_ms: number | null
  rows: number | null
  redactions: number | null
}

/** Waits until every call of the demo, outcomes included, can be read. */
async function readBack(
  api: RestClient,
  projectId: string,
  from: string,
  count: number,
): Promise<string[][]> {
  const query = new URLSearchParams({ project_id: projectId, from, limit: '100' })
  for (let tries = 0; ; tries++) {
    const { items } = await api.get<{ items: AuditItem[] }>(`/audits?${query.toString()}`)
    const calls = items.filter((item) => item.rule !== '' && !item.tool.startsWith('projects.'))
    const complete = calls.filter((item) => item.decision !== 'allow' || item.outcome !== null)
    if (complete.length >= count) return calls.reverse().map(auditRow)
    if (tries === 100)
      throw new Error(`Only ${complete.length} of ${count} calls can be read back from the audit API.`)
    await sleep(100)
  }
}

function auditRow(item: AuditItem): string[] {
  return [
    item.time.slice(11, 23),
    item.tool,
    colour(item.decision),
    item.rule,
    item.outcome ?? '',
    item.duration_ms === null ? '' : item.duration_ms.toFixed(1),
    item.rows === null ? '' : String(item.rows),
    item.redactions ? String(item.redactions) : '',
  ]
}

function colour(decision: string): string {
  return decision === 'allow' ? pc.green(decision) : pc.red(decision)
}
