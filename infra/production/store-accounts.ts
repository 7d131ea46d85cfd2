// Who may do what at the stores of an installation: texts for their own configuration, made of passwords. Pure.
import { createHash } from 'node:crypto'

/** Keys of Redis by the service that they are of: no other service can read or write them. */
export const REDIS_KEYS: Record<string, readonly string[]> = {
  auth: ['auth:*'],
  ingest: ['ingest:*', 'i:*'],
  decision: ['limit:*'],
  'mcp-gateway': ['mcp:*', 'limit:*', 'once:*'],
  'rest-gateway': ['rate:*'],
  ai: ['ai:*'],
  web: ['web:*'],
}

/** For configurations that take a password's digest: it has 256 random bits, so that no slower one is needed. */
function sha256(password: string | undefined): string {
  if (!password) throw new Error('a password is missing')
  return createHash('sha256').update(password).digest('hex')
}

/** An ACL file: each service its own keys; `admin`, of backups, all; whoever says nothing of themselves PING alone. */
export function redisUsers(passwords: Record<string, string>): string {
  const services = Object.entries(REDIS_KEYS).map(([service, keys]) => {
    const patterns = keys.map((key) => `~${key}`).join(' ')
    // INFO is asked by the client when it connects.
    return `user ${service} on #${sha256(passwords[service])} resetchannels ${patterns} +@all -@admin -@dangerous +info`
  })
  return [
    'user default on nopass resetkeys resetchannels -@all +ping',
    `user admin on #${sha256(passwords['admin'])} ~* &* +@all`,
    ...services,
    '',
  ].join('\n')
}

/** The users of ClickHouse: one, from private networks, without rights over other users. */
export function clickhouseUsers(password: string): string {
  return `<clickhouse>
    <profiles>
        <default/>
    </profiles>
    <quotas>
        <default/>
    </quotas>
    <users>
        <mcpshield>
            <password_sha256_hex>${sha256(password)}</password_sha256_hex>
            <networks>
                <ip>127.0.0.0/8</ip>
                <ip>10.0.0.0/8</ip>
                <ip>172.16.0.0/12</ip>
                <ip>192.168.0.0/16</ip>
                <ip>fc00::/7</ip>
                <ip>::1</ip>
            </networks>
            <profile>default</profile>
            <quota>default</quota>
            <access_management>0</access_management>
        </mcpshield>
    </users>
</clickhouse>
`
}

/** What servers of ClickHouse say to one another when they ask for each other's rows. */
export function clickhouseMembers(password: string): string {
  return `<clickhouse>
    <interserver_http_credentials>
        <user>member</user>
        <password>${password}</password>
    </interserver_http_credentials>
</clickhouse>
`
}
