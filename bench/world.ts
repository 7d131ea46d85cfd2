// What load is put on: the whole product with one upstream, and beside it a bare relay to the same upstream, the yardstick.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { prepareDemo, type Demo } from '@mcpshield/infra/dev/demo.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'
import { startChild, type Child } from './child.ts'
import type { Target } from './load.ts'

export type BenchWorld = AsyncDisposable & {
  stack: Stack
  demo: Demo
  upstream: Child
  relay: Child
  /** A session for each client. */
  gateway: Target
  bare: Target
}

type Options = {
  firstPort: number
  clients: number
  env?: Record<string, string>
  everyService?: Record<string, string>
  progress: (line: string) => void
}

const TEXT = 'a hundred bytes or so of text that the upstream says again, as it came, to whoever asked'
const OPENED_AT_ONCE = 50

export async function openBenchWorld({
  firstPort,
  clients,
  env = {},
  everyService = {},
  progress,
}: Options): Promise<BenchWorld> {
  await using scope = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-bench-'))
  scope.defer(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = scope.use(openDataDir(folder))
  const ports = {
    API_PORT: String(firstPort),
    MCP_PORT: String(firstPort + 1),
    DECISION_PORT: String(firstPort + 2),
    MAIL_PORT: String(firstPort + 3),
  }
  const programsDir = join(import.meta.dirname, '../node_modules/.cache/mcpshield')
  const stack = scope.use(
    await startStack({
      dataDir,
      programsDir,
      env: { ...process.env, ...ports, LOG_LEVEL: 'warn', ...env },
      everyService,
      progress,
    }),
  )
  const demo = await prepareDemo(stack, dataDir, progress)
  const upstream = await startChild('upstream.ts')
  scope.defer(() => void upstream.child.kill())
  const upstreamUrl = `http://127.0.0.1:${upstream.port}/mcp`
  const relay = await startChild('relay.ts', [upstreamUrl])
  scope.defer(() => void relay.child.kill())
  const at = `/projects/${demo.account.project_id}`
  await demo.api.send('POST', `${at}/upstreams`, { slug: 'floor', transport: 'http', url: upstreamUrl })
  const policy = 'version: 1\nrules:\n  - { tool: "floor/echo", decision: allow }\n'
  await demo.api.send('PUT', `${at}/policy`, { policy_yaml: policy }, { 'if-match': '*' })
  const gateway = await targetOf({
    name: 'gateway',
    url: stack.mcp.replace('localhost', '127.0.0.1'),
    tool: 'floor__echo',
    key: demo.account.api_key,
    pid: () => stack.pids()['mcp-gateway'] ?? 0,
    clients,
  })
  const bare = await targetOf({
    name: 'relay',
    url: `http://127.0.0.1:${relay.port}/mcp`,
    tool: 'echo',
    pid: () => relay.pid,
    clients: 1,
  })
  await settled(gateway)
  const kept = scope.move()
  return { stack, demo, upstream, relay, gateway, bare, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

type TargetTerms = {
  name: string
  url: string
  tool: string
  key?: string
  pid: () => number
  clients: number
}

async function targetOf({ name, url, tool, key, pid, clients }: TargetTerms): Promise<Target> {
  const plain = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(key === undefined ? {} : { 'x-api-key': key }),
  }
  const headers: Record<string, string>[] = []
  while (headers.length < clients) {
    const more = Math.min(OPENED_AT_ONCE, clients - headers.length)
    headers.push(...(await Promise.all(Array.from({ length: more }, () => sessionOf(url, plain)))))
  }
  const params = { name: tool, arguments: { text: TEXT } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params })
  return {
    name,
    url,
    pids: [pid()],
    shot: (client) => ({ headers: headers[client % headers.length] ?? plain, body }),
    check: (text) => text.includes('says again') && !text.includes('isError":true'),
  }
}

async function sessionOf(url: string, plain: Record<string, string>): Promise<Record<string, string>> {
  const post = async (headers: Record<string, string>, message: object) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message })
    const response = await fetch(url, { method: 'POST', headers, body })
    await response.text()
    return response.headers.get('mcp-session-id')
  }
  const version = '2025-11-25'
  const clientInfo = { name: 'bench', version: '1' }
  const hello = { protocolVersion: version, capabilities: {}, clientInfo }
  const id = await post(plain, { id: 1, method: 'initialize', params: hello })
  const headers = {
    ...plain,
    'mcp-protocol-version': version,
    ...(id === null ? {} : { 'mcp-session-id': id }),
  }
  await post(headers, { method: 'notifications/initialized' })
  return headers
}

/** A policy is in force within a second. */
async function settled(gateway: Target): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const response = await fetch(gateway.url, { method: 'POST', ...gateway.shot(0) })
    if (gateway.check(await response.text(), 0)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the gateway does not allow the call of the benchmark')
}
