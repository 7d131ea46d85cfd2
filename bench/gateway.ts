// A `tools/call` through the gateway with policy and audit on, beside the same call made directly to the upstream, through
// a bare relay, and through a proxy written with the official SDK. The whole product runs, on stores of its own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { prepareDemo } from '@mcpshield/infra/dev/demo.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'
import { startChild } from './child.ts'
import { compare, warmUp, type Figures, type Target } from './load.ts'

export type GatewayBench = {
  startSeconds: number
  memoryMiB: Record<string, number>
  calls: Figures[]
  /** What a thousand sessions take that called once and then do nothing. */
  idleSessions: { name: string; mibPerThousand: number }[]
}

const SLICES = 6
const CLIENTS = [1, 32, 256]
const IDLE_SESSIONS = 1_000
const SLICE_SECONDS = 1.5
const WARM_CALLS = 20_000
const WARM_CLIENTS = 32

export async function benchGateway(progress: (line: string) => void): Promise<GatewayBench> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-bench-'))
  try {
    using dataDir = openDataDir(folder)
    const env = {
      ...process.env,
      API_PORT: '18000',
      MCP_PORT: '18100',
      DECISION_PORT: '18200',
      MAIL_PORT: '18025',
      LOG_LEVEL: 'warn',
    }
    const startedMs = performance.now()
    await using stack = await startStack({ dataDir, env, progress })
    const startSeconds = (performance.now() - startedMs) / 1000
    const demo = await prepareDemo(stack, dataDir, progress)
    const memoryMiB = memoryOf(stack)
    const upstream = await startChild('upstream.ts')
    const upstreamUrl = `http://127.0.0.1:${upstream.port}/mcp`
    const relay = await startChild('relay.ts', [upstreamUrl])
    const proxy = await startChild('sdk-proxy.ts', [upstreamUrl])
    try {
      const at = `/projects/${demo.account.project_id}`
      await demo.api.send('POST', `${at}/upstreams`, { slug: 'floor', transport: 'http', url: upstreamUrl })
      const policy = 'version: 1\nrules:\n  - { tool: "floor/echo", decision: allow }\n'
      await demo.api.send('PUT', `${at}/policy`, { policy_yaml: policy }, { 'if-match': '*' })
      const targets = [
        await target('direct', upstreamUrl, upstream.pid, 'echo'),
        await target('relay', `http://127.0.0.1:${relay.port}/mcp`, relay.pid, 'echo'),
        await target('SDK proxy', `http://127.0.0.1:${proxy.port}/mcp`, proxy.pid, 'echo'),
        await target(
          'gateway',
          GATEWAY_URL,
          stack.pids()['mcp-gateway'] ?? 0,
          'floor__echo',
          demo.account.api_key,
        ),
      ]
      await settled(targets.at(-1))
      await warmUp(targets, WARM_CLIENTS, WARM_CALLS)
      const calls = []
      for (const clients of CLIENTS) calls.push(...(await compare(targets, clients, SLICES, SLICE_SECONDS)))
      const idleSessions = []
      for (const each of targets.slice(2)) idleSessions.push(await idleMemory(each))
      return { startSeconds, memoryMiB, calls, idleSessions }
    } finally {
      upstream.child.kill()
      relay.child.kill()
      proxy.child.kill()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const GATEWAY_URL = 'http://127.0.0.1:18100/mcp'

type McpTarget = Target & { open(): Promise<Record<string, string>> }

/** Each client has a session of its own, where the server gives sessions. */
async function target(
  name: string,
  url: string,
  pid: number,
  tool: string,
  key?: string,
): Promise<McpTarget> {
  const plain = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(key === undefined ? {} : { 'x-api-key': key }),
  }
  const open = async () => ({ ...plain, ...(await sessionOf(url, plain)) })
  const headers: Record<string, string>[] = []
  for (let client = 0; client < Math.max(...CLIENTS); client++) headers.push(await open())
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: {
      name: tool,
      arguments: {
        text: 'a hundred bytes or so of text that the upstream says again, as it came, to whoever asked',
      },
    },
  })
  return {
    name,
    url,
    pids: [pid],
    open,
    shot: (client) => ({ headers: headers[client] ?? plain, body }),
    check: (text) => text.includes('says again') && !text.includes('isError":true'),
  }
}

async function sessionOf(url: string, plain: Record<string, string>): Promise<Record<string, string>> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'bench', version: '1' },
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  const response = await fetch(url, { method: 'POST', headers: plain, body })
  await response.text()
  const id = response.headers.get('mcp-session-id')
  const headers = {
    ...plain,
    'mcp-protocol-version': '2025-11-25',
    ...(id === null ? {} : { 'mcp-session-id': id }),
  }
  const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })
  await (await fetch(url, { method: 'POST', headers, body: initialized })).text()
  const { 'mcp-protocol-version': version, 'mcp-session-id': session } = headers as Record<string, string>
  return {
    'mcp-protocol-version': version ?? '',
    ...(session === undefined ? {} : { 'mcp-session-id': session }),
  }
}

/** Memory before and after a thousand sessions that each call once. */
async function idleMemory(each: McpTarget): Promise<GatewayBench['idleSessions'][number]> {
  const [pid = 0] = each.pids
  const before = residentMiB(pid)
  const { body } = each.shot(0)
  for (let session = 0; session < IDLE_SESSIONS; session++) {
    const headers = await each.open()
    const response = await fetch(each.url, { method: 'POST', headers, body: body ?? null })
    if (!each.check(await response.text(), 0)) throw new Error(`${each.name} did not answer a new session`)
  }
  return { name: each.name, mibPerThousand: Math.max(0, residentMiB(pid) - before) }
}

/** The policy is in force within a second; the bench starts when the gateway's first call is allowed. */
async function settled(gateway: Target | undefined): Promise<void> {
  if (gateway === undefined) return
  for (let tries = 0; tries < 50; tries++) {
    const response = await fetch(gateway.url, { method: 'POST', ...gateway.shot(0) })
    if (gateway.check(await response.text(), 0)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the gateway does not allow the call of the benchmark')
}

function memoryOf(stack: Stack): Record<string, number> {
  const running = Object.entries(stack.pids()).filter(
    (entry): entry is [string, number] => entry[1] !== undefined,
  )
  return Object.fromEntries(running.map(([name, pid]) => [name, residentMiB(pid)]))
}

function residentMiB(pid: number): number {
  const text = readStatus(pid)
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1] ?? 0) / 1024)
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}
