// The API beside a bare Fastify route with the same body, in one run. CPU time is that of every process of ours that
// works for the request: the gateway and the service that owns the endpoint (for people's routes also those that
// say who asks).
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import argon2 from 'argon2'
import { Pool } from 'undici'
import { connectBus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import { flow } from '@mcpshield/contracts/flow'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { prepareDemo } from '@mcpshield/infra/dev/demo.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'
import { startChild, type Child } from './child.ts'
import { compare, quantile, type Figures, type Target } from './load.ts'

export type ApiBench = {
  calls: (Figures & { yardstick: string; eventsPerCall?: number })[]
  login: { argon2Ms: number; p50Ms: number; p99Ms: number }
}

const PORTS = { API_PORT: '18000', MCP_PORT: '18100', DECISION_PORT: '18200', MAIL_PORT: '18025' }
const API = `http://127.0.0.1:${PORTS.API_PORT}`
const CLIENTS = 32
const SLICES = 8
const SLICE_SECONDS = 1.5
const BATCH = 500
/** A person may list 600 times a minute. */
const PEOPLE = 96
const PASSWORD = 'a benchmark makes its own people'

export async function benchApi(progress: (line: string) => void): Promise<ApiBench> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-bench-'))
  try {
    using dataDir = openDataDir(folder)
    const env = { ...process.env, ...PORTS, LOG_LEVEL: 'warn' }
    await using stack = await startStack({ dataDir, env, progress })
    const { account, api } = await prepareDemo(stack, dataDir, progress)
    const policy =
      'version: 1\nrules:\n  - { id: read, tool: "files/read", decision: allow, conditions: { path_prefix: "/srv" } }\n'
    const at = `/projects/${account.project_id}`
    await api.send('PUT', `${at}/policy`, { policy_yaml: policy }, { 'if-match': '*' })
    const bare = await startChild('bare.ts')
    try {
      await inForce(evaluation(stack, bare, account.api_key)[1])
      const run = async (targets: Target[], more: object = {}) => {
        progress(`measuring ${targets.map(({ name }) => name).join(', ')}`)
        const figures = await compare(targets, CLIENTS, SLICES, SLICE_SECONDS)
        return figures.map((each) => ({ ...each, yardstick: targets[0]?.name ?? '', ...more }))
      }
      const people = await makePeople(stack, PEOPLE)
      return {
        calls: [
          ...(await run(evaluation(stack, bare, account.api_key))),
          ...(await run(ingestion(stack, bare, account.api_key, 1), { eventsPerCall: 1 })),
          ...(await run(ingestion(stack, bare, account.api_key, BATCH), { eventsPerCall: BATCH })),
          ...(await run(listing(stack, bare, people))),
          ...(await run(refreshing(stack, bare, people))),
        ],
        login: await measureLogin(),
      }
    } finally {
      bare.child.kill()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const json = { 'content-type': 'application/json' }
const pidsOf = (stack: Stack, ...names: string[]) => names.map((name) => stack.pids()[name] ?? 0)

function evaluation(stack: Stack, bare: Child, key: string): Target[] {
  const body = JSON.stringify({ tool: 'files/read', arguments: { path: '/srv/reports/2026/november.txt' } })
  const shot = () => ({ headers: { ...json, 'x-api-key': key }, body })
  const check = (text: string) => text.includes('"decision":"allow"')
  const path = '/policy/evaluate'
  return [
    { name: 'evaluate, bare', url: `http://127.0.0.1:${bare.port}${path}`, pids: [bare.pid], shot, check },
    {
      name: 'evaluate',
      url: `${API}${path}`,
      pids: pidsOf(stack, 'rest-gateway', 'decision'),
      shot,
      check,
    },
    {
      name: 'evaluate, at the decision service',
      url: `${stack.decisions.replace('localhost', '127.0.0.1')}${path}`,
      pids: pidsOf(stack, 'decision'),
      shot,
      check,
    },
  ]
}

function ingestion(stack: Stack, bare: Child, key: string, size: number): Target[] {
  const event = () => ({
    event_id: randomUUID(),
    type: 'policy_check',
    tool: 'files/read',
    decision: 'allow',
    timestamp: new Date().toISOString(),
    rule: 'read',
    metadata: { path: '/srv/reports/2026/november.txt' },
  })
  const shot = () => ({
    headers: { ...json, 'x-api-key': key },
    body: JSON.stringify(size === 1 ? event() : { events: Array.from({ length: size }, event) }),
  })
  const check = (text: string) => text.includes('"accepted":')
  const name = size === 1 ? 'ingest' : `ingest of ${size}`
  const path = '/events/ingest'
  return [
    { name: `${name}, bare`, url: `http://127.0.0.1:${bare.port}${path}`, pids: [bare.pid], shot, check },
    { name, url: `${API}${path}`, pids: pidsOf(stack, 'rest-gateway', 'ingest'), shot, check },
    {
      name: `${name}, the gateway’s share`,
      url: `${API}${path}`,
      pids: pidsOf(stack, 'rest-gateway'),
      shot,
      check,
    },
  ]
}

/** A key and a policy are in force within a second. */
async function inForce(target: Target | undefined): Promise<void> {
  if (target === undefined) return
  for (let tries = 0; tries < 50; tries++) {
    const response = await fetch(target.url, { method: 'POST', ...target.shot(0) })
    if (target.check(await response.text(), 0)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the call of the benchmark is not allowed')
}

type Tokens = { access_token: string; refresh_token: string }

function listing(stack: Stack, bare: Child, people: Tokens[]): Target[] {
  let next = 0
  const shot = () => ({
    headers: { authorization: `Bearer ${people[next++ % people.length]?.access_token}` },
  })
  const check = (text: string) => text.includes('"items":')
  const get = { method: 'GET' as const, shot, check }
  return [
    { name: 'list projects, bare', url: `http://127.0.0.1:${bare.port}/projects`, pids: [bare.pid], ...get },
    {
      name: 'list projects',
      url: `${API}/projects`,
      pids: pidsOf(stack, 'rest-gateway', 'auth', 'projects'),
      ...get,
    },
  ]
}

function refreshing(stack: Stack, bare: Child, people: Tokens[]): Target[] {
  const tokens = people.map((each) => each.refresh_token)
  const shot = (client: number) => ({
    headers: json,
    body: JSON.stringify({ refresh_token: tokens[client] }),
  })
  const check = (text: string) => text.includes('"refresh_token":')
  return [
    {
      name: 'refresh, bare',
      url: `http://127.0.0.1:${bare.port}/auth/refresh`,
      pids: [bare.pid],
      shot,
      check,
    },
    {
      name: 'refresh',
      url: `${API}/auth/refresh`,
      pids: pidsOf(stack, 'rest-gateway', 'auth'),
      shot,
      from: addressOf,
      check(text, client) {
        if (!check(text)) return false
        tokens[client] = (JSON.parse(text) as Tokens).refresh_token
        return true
      },
    },
  ]
}

/** Another address of this machine for each client and call: public routes are limited by address. */
let nextAddress = 0
function addressOf(): string {
  nextAddress += 1
  return `127.1.${(nextAddress >> 7) & 255}.${(nextAddress & 127) + 1}`
}

async function makePeople(stack: Stack, count: number): Promise<Tokens[]> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const creds = readFileSync(stack.credsFile('operator'), 'utf8')
  await using bus = await connectBus(
    { url: stack.backing.natsUrl, creds, name: 'operator', log },
    flow.operator,
  )
  const people: Tokens[] = []
  for (let at = 0; at < count; at++) {
    const email = `bench-${at}@example.com`
    await bus.call(auth.rpc.createUser, { email, password: PASSWORD, first_name: 'B', last_name: 'M' })
    people.push(await login(email))
  }
  return people
}

async function login(email: string): Promise<Tokens> {
  const pool = new Pool(API, { connections: 1, localAddress: addressOf() })
  const body = JSON.stringify({ email, password: PASSWORD })
  const response = await pool.request({ path: '/auth/login', method: 'POST', headers: json, body })
  const text = await response.body.text()
  await pool.close()
  if (response.statusCode !== 200) throw new Error(`login answered ${response.statusCode}: ${text}`)
  return JSON.parse(text) as Tokens
}

/** One person after another, so that what is measured is the time of one sign-in and not of a queue. */
async function measureLogin(): Promise<ApiBench['login']> {
  const cost = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
  const hash = await argon2.hash(PASSWORD, cost)
  const hashing: number[] = []
  const signing: number[] = []
  for (let at = 0; at < 20; at++) {
    hashing.push(await timed(() => argon2.verify(hash, PASSWORD)))
    signing.push(await timed(() => login(`bench-${at}@example.com`)))
  }
  return { argon2Ms: quantile(hashing, 0.5), p50Ms: quantile(signing, 0.5), p99Ms: quantile(signing, 0.99) }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}
