import { readFileSync } from 'node:fs'
import { openDataDir } from './data-dir.ts'
import { startStack } from './stack.ts'
import { START_ORDER } from './services.ts'
import { makeSampleData } from './sample-data.ts'
import { demoPolicy } from './demo-policy.ts'
import { connectBus } from '@mcpshield/bus/connect'
import { flow } from '@mcpshield/contracts/flow'
import { auth } from '@mcpshield/contracts/auth'
import { projects } from '@mcpshield/contracts/projects'
import { ingest } from '@mcpshield/contracts/ingest'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
const t0 = performance.now()
const p = (l: string) => console.log(((performance.now() - t0) / 1000).toFixed(2), l)
;(START_ORDER[1] as unknown as string[]).splice(2, 1)
using d = openDataDir('/tmp/mcps-early')
await using s = await startStack({ dataDir: d, programsDir: '/work/main/node_modules/.cache/mcpshield', env: { ...process.env, API_PORT: '31000', MCP_PORT: '31001', DECISION_PORT: '31002' }, progress: p })
p('stack up ' + JSON.stringify(s.pids()))
const log = { info() {}, warn: console.warn, error: console.error }
await using op = await connectBus({ url: s.backing.natsUrl, creds: readFileSync(s.credsFile('operator'), 'utf8'), name: 'operator', log }, flow.operator)
const user = await op.call(auth.rpc.createUser, { email: `a${Date.now()}@example.com`, password: 'a long password', first_name: 'A', last_name: 'B' })
let m: any
for (;;) { try { m = await op.call(projects.rpc.getMembership, { user_id: user.id }); break } catch { await new Promise((r) => setTimeout(r, 50)) } }
p('member')
await using rest = await connectBus({ url: s.backing.natsUrl, creds: readFileSync(s.credsFile('rest-gateway'), 'utf8'), name: 'rest-gateway', log }, flow['rest-gateway'])
const caller = { kind: 'user', user_id: user.id, org_id: m.org_id, role: m.role, session_id: 'x' } as const
const call = (def: any, input: any) => (rest.call as any)(def, input, { caller })
const project = await call(projects.rpc.createProject, { name: 'Demo', infrastructure: ['postgresql'] })
const sample = await makeSampleData(s.backing.databaseUrl, '/tmp/mcps-early/demo', 'secretpw')
const project_id = project.id
await call(projects.rpc.createConnection, { project_id, name: 'shop', kind: 'postgresql', url: sample.postgresUrl })
await call(projects.rpc.createConnection, { project_id, name: 'prices', kind: 'sqlite', path: sample.sqlitePath })
await call(projects.rpc.createUpstream, { project_id, slug: 'files', transport: 'stdio', command: process.execPath, args: ['/work/main/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js', sample.folder] })
await call(projects.rpc.savePolicy, { project_id, policy_yaml: demoPolicy(sample.publicFolder), if_match: '*' }).catch((e: any) => { p(JSON.stringify(e.details)); throw e })
const key = await call(projects.rpc.createKey, { project_id, name: 'k' })
p('project ready')
await new Promise((r) => setTimeout(r, 500))
const client = new Client({ name: 'early', version: '1' })
await client.connect(new StreamableHTTPClientTransport(new URL(s.mcp), { requestInit: { headers: { 'x-api-key': key.api_key } } }))
p('connected'); p(JSON.stringify((await client.listTools()).tools.map((t) => t.name)))
for (const [name, args] of [
  ['files__read_text_file', { path: sample.publicFolder + '/welcome.txt' }],
  ['files__read_text_file', { path: sample.publicFolder + '/../private/salaries.txt' }],
  ['postgres__query', { sql: 'select id, total_cents from orders order by id' }],
  ['postgres__query', { sql: 'select * from hr.salaries' }],
  ['postgres__query', { sql: 'with orders as (select amount_cents from hr.salaries) select * from orders' }],
  ['postgres__query', { sql: 'with d as (delete from orders returning *) select * from d' }],
  ['postgres__query', { sql: 'select name, email, phone from customers order by id' }],
  ['sqlite__query', { sql: 'select name, price_cents from products' }],
  ['sqlite__query', { sql: 'select bank_account from suppliers' }],
  ['sqlite__query', { sql: 'select count(*) as products from products' }],
  ['sqlite__query', { sql: 'select max(price_cents) as most from products' }],
] as const) p(name + ' ' + JSON.stringify((await client.callTool({ name, arguments: args } as any)).content))
await new Promise((r) => setTimeout(r, 1000))
const audits = await call(ingest.rpc.listAudits, { project_id, limit: 50 })
for (const a of audits.items) p([a.time, a.tool, a.decision, a.rule, a.outcome, a.duration_ms, a.rows, a.redactions].join(' '))
await client.close()
