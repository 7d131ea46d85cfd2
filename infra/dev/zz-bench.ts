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

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { compare } from '../../bench/load.ts'
const project_id = project.id
const child = async (f: string, args: string[]) => { const c = fork('/work/main/bench/' + f, args); const [m] = (await once(c, 'message')) as any; return { c, port: m.port } }
const up = await child('upstream.ts', [])
const upUrl = `http://127.0.0.1:${up.port}/mcp`
const relay = await child('relay.ts', [upUrl])
await call(projects.rpc.createUpstream, { project_id, slug: 'floor', transport: 'http', url: upUrl })
await call(projects.rpc.savePolicy, { project_id, policy_yaml: 'version: 1\nrules:\n  - { tool: "floor/echo", decision: allow }\n', if_match: '*' })
const key = await call(projects.rpc.createKey, { project_id, name: 'k' })
await new Promise((r) => setTimeout(r, 1000))
const target = (name: string, url: string, pid: number, tool: string, k?: string) => ({ name, url, pid, headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(k ? { 'x-api-key': k } : {}) }, body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: tool, arguments: { text: 'a hundred bytes or so of text that the upstream says again, as it came, to whoever asked' } } }), check: (x: string) => x.includes('says again') && !x.includes('isError":true') })
const targets = [target('direct', upUrl, up.c.pid!, 'echo'), target('relay', `http://127.0.0.1:${relay.port}/mcp`, relay.c.pid!, 'echo'), target('gateway', s.mcp, s.pids()['mcp-gateway']!, 'floor__echo', key.api_key)]
if (process.env.PROF) { const { runSlice } = await import('../../bench/load.ts'); await runSlice(targets[2]!, 32, 15); }
else for (const c of [1, 32]) console.table(await compare(targets, c, 4, 1))
up.c.kill(); relay.c.kill()
