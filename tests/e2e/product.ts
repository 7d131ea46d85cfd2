// The whole product for one test file, on ports and stores of its own, with one project to play with.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { prepareDemo, type Demo } from '@mcpshield/infra/dev/demo.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'

export type Product = AsyncDisposable & {
  stack: Stack
  demo: Demo
  /** `/projects/<id>` of the demo's project. */
  at: string
  /** Connects a real MCP client; by default with the demo's key. */
  client(options?: { key?: string; path?: string; name?: string }): Promise<Client>
  /** Saves a policy and waits until it is in force at the gateway. */
  setPolicy(yaml: string): Promise<number>
  lines: string[]
  /** Where stores and services write their logs. */
  logsDir: string
}

export type ProductOptions = {
  /** Beside what every product is given, or in its place. */
  env?: Record<string, string>
  /** Given to every service, whatever it asks for. */
  everyService?: Record<string, string>
}

export async function startProduct(
  firstPort: number,
  { env: given = {}, everyService = {} }: ProductOptions = {},
): Promise<Product> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-stack-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = stack.use(openDataDir(folder))
  const env = {
    ...process.env,
    API_PORT: String(firstPort),
    MCP_PORT: String(firstPort + 1),
    DECISION_PORT: String(firstPort + 2),
    MAIL_PORT: process.env.MAIL_PORT ?? String(firstPort + 3),
    UPSTREAM_TIMEOUT_MS: '2000',
    LOG_LEVEL: 'warn',
    ...given,
  }
  const lines: string[] = []
  const progress = (line: string) => void lines.push(line)
  const programsDir = join(import.meta.dirname, '../../node_modules/.cache/mcpshield')
  const running = stack.use(await startStack({ dataDir, programsDir, env, progress, everyService }))
  const demo = await prepareDemo(running, dataDir, progress)
  const at = `/projects/${demo.account.project_id}`
  const kept = stack.move()
  return {
    stack: running,
    demo,
    at,
    lines,
    logsDir: join(folder, 'logs'),
    async client({ key = demo.account.api_key, path = '', name = 'test-client' } = {}) {
      const client = new Client({ name, version: '1' })
      const requestInit = { headers: { 'x-api-key': key } }
      await client.connect(new StreamableHTTPClientTransport(new URL(running.mcp + path), { requestInit }))
      return client
    },
    async setPolicy(policy_yaml) {
      const saved = await demo.api.send<{ version: number }>(
        'PUT',
        `${at}/policy`,
        { policy_yaml },
        { 'if-match': '*' },
      )
      return saved.version
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
