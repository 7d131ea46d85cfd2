// A running installation is backed up, and restored into a new one: people sign in, keys and policies are in force, what
// waits for a person still waits, the record is whole, what was revoked stays revoked, and the organisation's own systems
// are sent the record from where they were.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { signIn } from '@mcpshield/infra/dev/rest-client.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'
import { backUp } from '@mcpshield/infra/production/backup.ts'
import { checkBackup } from '@mcpshield/infra/production/copies/backup-folder.ts'
import { localStores } from '@mcpshield/infra/production/local-stores.ts'
import { restore, restoreLocal } from '@mcpshield/infra/production/restore.ts'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { SiemCredential, SiemForwarder } from '@mcpshield/contracts/siem'
import { connectSiemReader, readSiemUntil, type HeldCredential } from '@mcpshield/testkit/siem-reader'
import { httpOf } from './http.ts'
import { startProduct, type Product } from './product.ts'
import { startCollector, type Collector } from './siem-collector.ts'

const PORT = 22_700
const folder = mkdtempSync(join(tmpdir(), 'mcpshield-backup-'))
const programsDir = join(import.meta.dirname, '../../node_modules/.cache/mcpshield')
const quiet = () => undefined
const SOON = { timeout: 20_000, interval: 100 }
const ASKS = `version: 1
default: deny
rules:
  - { id: orders, tool: postgres.query, decision: allow, conditions: { resources: [public.orders] } }
  - { id: prices, tool: sqlite.query, decision: ask }
`
type Seen = { policy: unknown; keys: unknown; audits: Audit[]; approvals: unknown }
type Audit = { kind: string; decision: string | null; outcome: string | null }

let before: { backup: string; account: Product['demo']['account']; revoked: string; seen: Seen; siem: Siem }
/** `unread`: a decision that the credential's reader has not acknowledged. */
type Siem = {
  credential: HeldCredential
  revoked: HeldCredential
  unread: string
  collected: string[]
}
let collector: Collector
let restored: Stack
const opened: (() => unknown)[] = []

async function see(api: Product['demo']['api'], project: string): Promise<Seen> {
  const at = `/projects/${project}`
  const { items } = await api.get<{ items: Audit[] }>(`/audits?project_id=${project}&limit=100`)
  return {
    policy: await api.get(`${at}/policy`),
    keys: (await api.get<{ items: Record<string, unknown>[] }>(`${at}/keys`)).items.map(
      ({ id, name, revoked_at }) => ({
        id,
        name,
        revoked_at,
      }),
    ),
    approvals: (await api.get<{ items: Record<string, unknown>[] }>(`${at}/approvals`)).items.map(
      ({ id, status }) => ({
        id,
        status,
      }),
    ),
    audits: items,
  }
}

async function connect(mcp: string, key: string): Promise<Client> {
  const client = new Client({ name: 'backup-test', version: '1' })
  const requestInit = { headers: { 'x-api-key': key } }
  await client.connect(new StreamableHTTPClientTransport(new URL(mcp), { requestInit }))
  return client
}

/** A call that is decided; answers the decision's id. */
async function decide(api: string, key: string): Promise<string> {
  const body = { tool: 'files/read', arguments: {} }
  const answer = await httpOf(api)({ method: 'POST', path: '/policy/evaluate', key, body })
  return answer.json<{ decision_id: string }>().decision_id
}

/** Two credentials, of which one is revoked, and a webhook; what they were sent and read so far. */
async function setUpSiem({ demo, stack }: Product): Promise<Siem> {
  const { api, account } = demo
  await api.send('POST', '/billing/subscribe', { plan: 'enterprise' })
  const make = (name: string) => api.send<HeldCredential>('POST', '/organization/siem-credentials', { name })
  const [credential, revoked] = [await make('Reads on'), await make('Revoked')]
  await (await connectSiemReader(revoked, stack.backing.natsUrl)).close()
  await api.send('DELETE', `/organization/siem-credentials/${revoked.id}`)
  const forwarder = { name: 'Collector', destination: collector.destination }
  await api.send('POST', '/organization/siem-forwarders', forwarder)
  const reader = await connectSiemReader(credential, stack.backing.natsUrl)
  const read = await decide(stack.api, account.api_key)
  await readSiemUntil(reader, credential, read)
  await reader.close()
  const unread = await decide(stack.api, account.api_key)
  return { credential, revoked, unread, collected: [] }
}

/** Nothing waits for the webhook, something for the credential, and what is revoked is known everywhere. */
async function untilSiemRests({ demo: { api } }: Product, { unread }: Siem): Promise<void> {
  await vi.waitFor(async () => {
    const { items: credentials } = await api.get<{ items: SiemCredential[] }>(
      '/organization/siem-credentials',
    )
    const { items: forwarders } = await api.get<{ items: SiemForwarder[] }>('/organization/siem-forwarders')
    expect(forwarders.map(({ pending }) => pending)).toEqual([0])
    expect(collector.events).toContain(`${unread} decision`)
    const states = Object.fromEntries(credentials.map(({ name, state, pending }) => [name, [state, pending]]))
    expect(states).toEqual({ 'Reads on': ['active', expect.any(Number)], Revoked: ['revoked', null] })
    expect(states['Reads on']?.[1]).toBeGreaterThan(0)
  }, SOON)
}

beforeAll(async () => {
  collector = await startCollector()
  opened.push(() => collector[Symbol.asyncDispose]())
  await using product = await startProduct(PORT, { env: { FORWARDER_EGRESS: 'localhost' } })
  const { demo, at, stack } = product
  const siem = await setUpSiem(product)
  const { api_key: revoked, id } = await demo.api.send<{ api_key: string; id: string }>(
    'POST',
    `${at}/keys`,
    {
      name: 'to be revoked',
    },
  )
  await demo.api.send('DELETE', `${at}/keys/${id}`)
  await product.setPolicy(ASKS)
  const client = await product.client()
  await vi.waitFor(async () => {
    const { isError } = await client.callTool({
      name: 'postgres__query',
      arguments: { sql: 'select id from orders' },
    })
    expect(isError ?? false).toBe(false)
  }, SOON)
  await client.callTool({ name: 'postgres__query', arguments: { sql: 'select * from hr.salaries' } })
  // Waits for a person, who will find it in the new installation.
  void client.callTool({ name: 'sqlite__query', arguments: { sql: 'select 1 as x' } }).catch(quiet)
  await vi.waitFor(async () => {
    const { approvals, audits } = await see(demo.api, demo.account.project_id)
    expect(approvals).toHaveLength(1)
    expect(audits.length).toBeGreaterThanOrEqual(5)
    // A record gets its outcome a moment later: from here on none changes any more.
    const open = audits.filter(({ decision, outcome }) => decision === 'allow' && outcome === null)
    expect(open).toEqual([])
  }, SOON)
  const seen = await see(demo.api, demo.account.project_id)
  await untilSiemRests(product, siem)
  const dataFolder = dirname(dirname(dirname(stack.credsFile('auth'))))
  // Beside the running services, at its running stores.
  await using stores = await localStores({ folder: dataFolder, env: process.env, progress: quiet })
  const backup = await backUp(stores.config, join(folder, 'backups'), quiet)
  before = {
    backup,
    account: demo.account,
    revoked,
    seen,
    siem: { ...siem, collected: [...collector.events] },
  }
  // A restore into what is in use is refused before anything is changed.
  await expect(restore(stores.config, backup, quiet)).rejects.toThrow(/still run/)
  await client.close()
})
afterAll(async () => {
  for (const close of opened.toReversed()) await close()
  rmSync(folder, { recursive: true, force: true })
})

test('what is damaged or not whole is not restored', async () => {
  const copy = join(folder, 'damaged')
  cpSync(before.backup, copy, { recursive: true })
  const file = join(copy, 'postgres/auth.users.copy.gz')
  const bytes = readFileSync(file)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(file, bytes)
  await expect(checkBackup(copy)).rejects.toThrow(/damaged: postgres\/auth\.users/)
  rmSync(file)
  await expect(checkBackup(copy)).rejects.toThrow(/auth\.users\.copy\.gz is missing/)
  await expect(checkBackup(folder)).rejects.toThrow(/not a backup/)
})

test('an installation restored from the backup is the one that was', { timeout: 300_000 }, async () => {
  const dataFolder = join(folder, 'restored')
  const env = { ...process.env, LOG_LEVEL: 'warn', FORWARDER_EGRESS: 'localhost' }
  await restoreLocal(dataFolder, before.backup, { env, progress: quiet })
  const dataDir = openDataDir(dataFolder)
  opened.push(() => dataDir[Symbol.dispose]())
  const ports = { API_PORT: PORT + 10, MCP_PORT: PORT + 11, DECISION_PORT: PORT + 12, MAIL_PORT: PORT + 13 }
  const texts = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]))
  restored = await startStack({ dataDir, programsDir, env: { ...env, ...texts }, progress: quiet })
  opened.push(() => restored[Symbol.asyncDispose]())
  const api = await signIn(restored.api, before.account)
  const after = await see(api, before.account.project_id)
  expect(after.policy).toEqual(before.seen.policy)
  expect(after.keys).toEqual(before.seen.keys)
  expect(after.approvals).toEqual(before.seen.approvals)
  expect(after.audits).toEqual(expect.arrayContaining(before.seen.audits))
})

test('its keys and policies are in force at the gateway, and what was revoked before is refused', async () => {
  const client = await vi.waitFor(() => connect(restored.mcp, before.account.api_key), SOON)
  const call = (sql: string) => client.callTool({ name: 'postgres__query', arguments: { sql } })
  // The sample database is not the product's: that it was decided is what counts.
  expect(JSON.stringify(await call('select * from hr.salaries'))).toContain('"decision":"deny"')
  expect(JSON.stringify(await call('select id from orders'))).not.toContain('"decision":"deny"')
  await client.close()
  await expect(connect(restored.mcp, before.revoked)).rejects.toThrow()
})

test('a webhook goes on where it was: nothing of before comes again, and nothing from now on is missing', async () => {
  const { collected } = before.siem
  const decided = await decide(restored.api, before.account.api_key)
  await vi.waitFor(() => expect(collector.events).toContain(`${decided} decision`), SOON)
  const since = collector.events.slice(collected.length)
  expect(collector.events.slice(0, collected.length)).toEqual(collected)
  expect(since.filter((event) => collected.includes(event))).toEqual([])
})

test('a SIEM credential reads on, from what it had not read, and nothing else; a revoked one is refused', async () => {
  const { credential, revoked, unread } = before.siem
  const url = restored.backing.natsUrl
  const reader = await vi.waitFor(() => connectSiemReader(credential, url), SOON)
  const decided = await decide(restored.api, before.account.api_key)
  expect(await readSiemUntil(reader, credential, decided)).toContain(unread)
  const refused = new Promise((resolve) =>
    reader.subscribe('audit.>', { callback: (error) => resolve(error) }),
  )
  expect(String(await refused)).toMatch(/permissions violation/i)
  await expect(reader.request('$JS.API.STREAM.NAMES', '', { timeout: 1_000 })).rejects.toThrow()
  await reader.close()
  await expect(connectSiemReader(revoked, url)).rejects.toThrow()
})

test('it refuses to be restored over, and keeps on recording', async () => {
  await expect(
    restoreLocal(join(folder, 'restored'), before.backup, { env: process.env, progress: quiet }),
  ).rejects.toThrow(/holds an installation already/)
  const api = await signIn(restored.api, before.account)
  await vi.waitFor(async () => {
    const { audits } = await see(api, before.account.project_id)
    expect(audits.length).toBeGreaterThan(before.seen.audits.length)
  }, SOON)
})
