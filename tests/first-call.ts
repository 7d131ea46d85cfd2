// `npm run first-call`: from nothing to the first protected call, as a newcomer does it: clone, install, start, connect a
// client, call. Prints what each step took; exits with 1 above a minute. Needs git, and a registry as npm is set up here.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const ROOT = join(import.meta.dirname, '..')
const WITHIN_SECONDS = 60
const DENIED = 'select * from hr.salaries'
const ALLOWED = 'select id from public.orders'

type Ready = { api: string; mcp: string; demo: { email: string; password: string } }

const folder = mkdtempSync(join(tmpdir(), 'mcpshield-first-call-'))
const clone = join(folder, 'mcpshield')
const home = join(folder, 'home')
const took: { step: string; seconds: number }[] = []

try {
  process.exitCode = await firstCall()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function firstCall(): Promise<number> {
  await timed('git clone', () => run('git', ['clone', '--quiet', ROOT, clone], { cwd: folder }))
  await timed('npm install', () => run('npm', ['install', '--no-audit', '--no-fund'], { cwd: clone }))
  const ports = await freePorts(['API_PORT', 'WEB_PORT', 'MCP_PORT', 'DECISION_PORT', 'MAIL_PORT'])
  await using product = await timed('npm start', () => startProduct(ports))
  mkdirSync(join(home, '.cursor'), { recursive: true })
  await timed('mcpshield login, connect cursor', () => connect(product.ready))
  await timed('a call that is allowed, and one that is denied', call)
  return report()
}

async function timed<T>(step: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now()
  const result = await work()
  took.push({ step, seconds: (performance.now() - startedMs) / 1000 })
  return result
}

function report(): number {
  const total = took.reduce((sum, { seconds }) => sum + seconds, 0)
  const lines = [...took, { step: 'from nothing to the first protected call', seconds: total }]
  for (const { step, seconds } of lines) console.log(`${seconds.toFixed(1).padStart(6)} s  ${step}`)
  console.log(`${WITHIN_SECONDS.toFixed(1).padStart(6)} s  is what it may take`)
  return total <= WITHIN_SECONDS ? 0 : 1
}

async function run(command: string, args: string[], { cwd, env = process.env, input = '' }: RunOptions) {
  const child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output.slice(-4_000)}`)
}

type RunOptions = { cwd: string; env?: NodeJS.ProcessEnv; input?: string }

/** `npm start` in the clone, until it says that it is ready. */
async function startProduct(ports: Record<string, string>): Promise<AsyncDisposable & { ready: Ready }> {
  const child = spawn('npm', ['start', '--silent'], {
    cwd: clone,
    env: { ...process.env, ...ports, MCPSHIELD_DATA_DIR: join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: npm does not pass signals on.
    detached: true,
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const closed = once(child, 'close')
  const ready = new Promise<Ready>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ready ')) resolve(JSON.parse(line.slice('ready '.length)) as Ready)
    })
  })
  const ended = closed.then(() => Promise.reject(new Error(`npm start ended:\n${said.slice(-4_000)}`)))
  ended.catch(() => undefined)
  return {
    ready: await Promise.race([ready, ended]),
    async [Symbol.asyncDispose]() {
      process.kill(-child.pid!, 'SIGINT')
      await closed
    },
  }
}

async function connect({ api, mcp, demo }: Ready): Promise<void> {
  const bin = join(clone, 'cli/bin/mcpshield.js')
  const env = { HOME: home, PATH: process.env.PATH, MCPSHIELD_MCP_URL: mcp }
  const cli = (args: string[], input?: string) =>
    run(process.execPath, [bin, ...args], { cwd: home, env, ...(input === undefined ? {} : { input }) })
  await cli(['login', '--api', api, '--email', demo.email, '--password-stdin'], demo.password)
  await cli(['connect', 'cursor', '--yes'])
}

/** What the connected client does, by nothing but its own file of settings. */
async function call(): Promise<void> {
  const settings = JSON.parse(readFileSync(join(home, '.cursor/mcp.json'), 'utf8')) as {
    mcpServers: Record<string, { url: string; headers: Record<string, string> }>
  }
  const { url, headers } = settings.mcpServers.mcpshield!
  const client = new Client({ name: 'first-call', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  try {
    const query = (sql: string) => client.callTool({ name: 'postgres__query', arguments: { sql } })
    const allowed = await query(ALLOWED)
    if (allowed.isError === true) throw new Error(`“${ALLOWED}” was refused: ${JSON.stringify(allowed)}`)
    const denied = await query(DENIED)
    if (denied.isError !== true || !JSON.stringify(denied).includes('no-salaries'))
      throw new Error(`“${DENIED}” was not denied by its rule: ${JSON.stringify(denied)}`)
  } finally {
    await client.close()
  }
}

async function freePorts(names: string[]): Promise<Record<string, string>> {
  const servers = await Promise.all(
    names.map(async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => String((server.address() as { port: number }).port))
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return Object.fromEntries(names.map((name, at) => [name, ports[at]!]))
}
