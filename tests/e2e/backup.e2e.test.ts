// A running installation is backed up, and restored into a new one: people sign in, keys and policies are in force, what
// waits for a person still waits, the record is whole, and what was revoked stays revoked.
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
import { startProduct, type Product } from './product.ts'

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

let before: { backup: string; account: Product['demo']['account']; revoked: string; seen: Seen }
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

beforeAll(async () => {
  await using product = await startProduct(PORT)
  const { demo, at, stack } = product
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
  const dataFolder = dirname(dirname(dirname(stack.credsFile('auth'))))
  // Beside the running services, at its running stores.
  await using stores = await localStores({ folder: dataFolder, env: process.env, progress: quiet })
  const backup = await backUp(stores.config, join(folder, 'backups'), quiet)
  before = { backup, account: demo.account, revoked, seen }
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
  const env = { ...process.env, LOG_LEVEL: 'warn' }
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
