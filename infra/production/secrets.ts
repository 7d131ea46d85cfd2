// Every secret of an installation, from nothing or from what an earlier run made.
import { createHash } from 'node:crypto'
import { chownSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { natsConfig } from '@mcpshield/bus/accounts'
import { permissionsOf } from '@mcpshield/bus/permissions'
import { flow, type FlowRow } from '@mcpshield/contracts/flow'
import { busAccounts } from '../dev/bus-accounts.ts'
import { newHexKey, newPassword, type Owner, type SecretFolder } from './secret-folder.ts'
import { DATABASE_SERVICES, SECRETS_OF } from './secrets-of.ts'
import { clickhouseMembers, clickhouseUsers, REDIS_KEYS, redisUsers } from './store-accounts.ts'

/** Where the stores answer, as seen by the services. */
export type StoreHosts = { postgres: string; redis: string; clickhouse: string }
export const COMPOSE_HOSTS: StoreHosts = {
  postgres: 'postgres:5432',
  redis: 'redis:6379',
  clickhouse: 'clickhouse:8123',
}

const HEX_KEYS = ['master-key', 'audit-digest-key', 'mcp-session-key', 'operator-token', 'siem-accounts-key']

/** Makes what is missing. What is there stays, whatever it says: an own store's URL in the place of ours, for example. */
export async function makeSecrets(
  folder: SecretFolder,
  { hosts = COMPOSE_HOSTS, owner }: { hosts?: StoreHosts; owner?: Owner } = {},
): Promise<void> {
  for (const name of HEX_KEYS) folder.keepOrMake(name, newHexKey)
  makePostgres(folder, hosts.postgres)
  makeRedis(folder, hosts.redis)
  const clickhouse = folder.keepOrMake('clickhouse-password', newPassword)
  folder.keepOrMake('clickhouse-users', () => clickhouseUsers(clickhouse))
  folder.keepOrMake('clickhouse-members', () => clickhouseMembers(newPassword()))
  folder.keepOrMake('clickhouse-url', () => `http://mcpshield:${clickhouse}@${hosts.clickhouse}/mcpshield`)
  await makeBus(folder, owner)
}

function makePostgres(folder: SecretFolder, host: string): void {
  const admin = folder.keepOrMake('postgres-password', newPassword)
  folder.keepOrMake('database-admin-url', () => `postgres://postgres:${admin}@${host}/postgres`)
  const roles = JSON.parse(folder.keepOrMake('postgres-roles', () => '{}')) as Record<string, string>
  // A service that came with a later version gets its password beside those of the others.
  for (const service of DATABASE_SERVICES) roles[service] ??= newPassword()
  folder.put('postgres-roles', JSON.stringify(roles))
  for (const service of DATABASE_SERVICES)
    folder.keepOrMake(
      `database-url-${service}`,
      () => `postgres://${service}:${roles[service]}@${host}/mcpshield`,
    )
}

function makeRedis(folder: SecretFolder, host: string): void {
  const names = ['admin', ...Object.keys(REDIS_KEYS)]
  const passwords = JSON.parse(folder.keepOrMake('redis-passwords', () => '{}')) as Record<string, string>
  for (const name of names) passwords[name] ??= newPassword()
  folder.put('redis-passwords', JSON.stringify(passwords))
  folder.put('redis-users', redisUsers(passwords))
  folder.keepOrMake('redis-admin-url', () => `redis://admin:${passwords['admin']}@${host}/0`)
  for (const name of Object.keys(REDIS_KEYS))
    folder.keepOrMake(`redis-url-${name}`, () => `redis://${name}:${passwords[name]}@${host}/0`)
}

/**
 * Keys of NATS, and a file of credentials for each service. What a service may say on the bus stands in its credentials,
 * so they are issued anew when flow.ts says otherwise than at the last run; those given out before stay good.
 */
async function makeBus(folder: SecretFolder, owner: Owner | undefined): Promise<void> {
  const issuedFor = permissionsDigest()
  const isIssued = folder.read('nats/issued-for') === issuedFor
  if (isIssued && ['nats-config', ...credentialFiles()].every((name) => folder.has(name))) return
  const { accounts } = await busAccounts(dirname(folder.path))
  if (owner !== undefined) giveAway(join(folder.path, 'nats'), owner)
  folder.put(
    'nats-config',
    serverConfig(natsConfig(accounts, { host: '0.0.0.0', port: 4222, storeDir: '/data' })),
  )
  folder.put('nats/issued-for', issuedFor)
}

/** With what a server in a container needs besides. */
const serverConfig = (config: string) => `${config}server_name: mcpshield
http: "127.0.0.1:8222"
# For holders of SIEM credentials, by Caddy, which ends TLS; nobody reaches it where that is not set up.
websocket { listen: "0.0.0.0:9222", no_tls: true }
`

function credentialFiles(): string[] {
  return Object.values(SECRETS_OF).flatMap((secrets) =>
    Object.values(secrets).filter((name) => name.startsWith('nats/')),
  )
}

function permissionsDigest(): string {
  const rows = Object.entries(flow as Record<string, FlowRow>)
  const permissions = rows.map(([name, row]) => [name, permissionsOf(name, row)])
  return createHash('sha256').update(JSON.stringify(permissions)).digest('hex')
}

function giveAway(folder: string, { uid, gid }: Owner): void {
  chownSync(folder, uid, gid)
  for (const file of readdirSync(folder)) chownSync(join(folder, file), uid, gid)
}
