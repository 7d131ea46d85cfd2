// A `tools/call` through the gateway with policy and audit on, beside the same call made directly to the
// upstream and beside a bare relay. The whole product runs, on stores of its own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { prepareDemo } from '@mcpshield/infra/dev/demo.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'
import { startChild } from './child.ts'
import { compare, type Figures, type Target } from './load.ts'

export type GatewayBench = { startSeconds: number; memoryMiB: Record<string, number>; calls: Figures[] }

const SLICES = 8
const SLICE_SECONDS = 1.5

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
    try {
      const at = `/projects/${demo.account.project_id}`
      await demo.api.send('POST', `${at}/upstreams`, { slug: 'floor', transport: 'http', url: upstreamUrl })
      const policy = 'version: 1\nrules:\n  - { tool: "floor/echo", decision: allow }\n'
      await demo.api.send('PUT', `${at}/policy`, { policy_yaml: policy }, { 'if-match': '*' })
      const targets = [
        target('direct', upstreamUrl, upstream.pid, 'echo'),
        target('relay', `http://127.0.0.1:${relay.port}/mcp`, relay.pid, 'echo'),
        target(
          'gateway',
          'http://127.0.0.1:18100/mcp',
          stack.pids()['mcp-gateway'] ?? 0,
          'floor__echo',
          demo.account.api_key,
        ),
      ]
      await settled(targets[2])
      const calls = []
      for (const clients of [1, 32]) calls.push(...(await compare(targets, clients, SLICES, SLICE_SECONDS)))
      return { startSeconds, memoryMiB, calls }
    } finally {
      upstream.child.kill()
      relay.child.kill()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function target(name: string, url: string, pid: number, tool: string, key?: string): Target {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(key === undefined ? {} : { 'x-api-key': key }),
  }
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
    shot: () => ({ headers, body }),
    check: (text) => text.includes('says again') && !text.includes('isError":true'),
  }
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
