// Which secret of an installation is given to which process, by the variable's name there and the file's name below
// secrets/. docker-compose.yml and the Kubernetes files are held to this table by tests.

const nats = (service: string) => ({ NATS_CREDS: `nats/${service}.creds` })
const database = (service: string) => ({ DATABASE_URL: `database-url-${service}` })
const redis = (service: string) => ({ REDIS_URL: `redis-url-${service}` })

/** Of the stores themselves, by the names of the files that they read. */
export const SECRETS_OF_STORES: Record<string, Record<string, string>> = {
  postgres: { POSTGRES_PASSWORD: 'postgres-password' },
  nats: { 'nats.conf': 'nats-config' },
  redis: { 'users.acl': 'redis-users' },
  clickhouse: { 'clickhouse-users.xml': 'clickhouse-users' },
}

/** What a store is given besides where it is several servers (infra/stores), and by Compose is not. */
export const SECRETS_OF_MEMBERS: Record<string, Record<string, string>> = {
  clickhouse: { 'clickhouse-members.xml': 'clickhouse-members' },
}

/** Services with a schema of their own in PostgreSQL. */
export const DATABASE_SERVICES = ['auth', 'projects', 'billing', 'mailer', 'ai', 'siem'] as const

const MASTER_KEY = { MASTER_KEY: 'master-key' }
const AUDIT_DIGEST_KEY = { AUDIT_DIGEST_KEY: 'audit-digest-key' }
const CLICKHOUSE_URL = { CLICKHOUSE_URL: 'clickhouse-url' }
const DATABASE_ADMIN_URL = { DATABASE_ADMIN_URL: 'database-admin-url' }

export const SECRETS_OF: Record<string, Record<string, string>> = {
  auth: { ...nats('auth'), ...database('auth'), ...redis('auth'), ...MASTER_KEY },
  projects: { ...nats('projects'), ...database('projects'), ...MASTER_KEY },
  billing: { ...nats('billing'), ...database('billing') },
  mailer: { ...nats('mailer'), ...database('mailer'), SMTP_URL: 'smtp-url' },
  ingest: { ...nats('ingest'), ...CLICKHOUSE_URL, ...redis('ingest') },
  decision: { ...nats('decision'), ...redis('decision'), ...AUDIT_DIGEST_KEY },
  'mcp-gateway': {
    ...nats('mcp-gateway'),
    ...redis('mcp-gateway'),
    ...AUDIT_DIGEST_KEY,
    MCP_SESSION_KEY: 'mcp-session-key',
  },
  'rest-gateway': { ...nats('rest-gateway'), ...redis('rest-gateway'), OPERATOR_TOKEN: 'operator-token' },
  ai: { ...nats('ai'), ...database('ai'), ...redis('ai') },
  siem: { ...nats('siem'), ...database('siem'), ...MASTER_KEY },
  'bus-keys': {
    ...nats('bus-keys'),
    NATS_SYSTEM_CREDS: 'nats/bus-keys-system.creds',
    NATS_OPERATOR_SEED: 'nats/operator-signing.nk',
    SIEM_ACCOUNTS_KEY: 'siem-accounts-key',
  },
  web: { ...redis('web') },
  prepare: { ...DATABASE_ADMIN_URL, POSTGRES_ROLES: 'postgres-roles', ...nats('provision') },
  backup: {
    ...DATABASE_ADMIN_URL,
    ...nats('backup'),
    ...CLICKHOUSE_URL,
    REDIS_ADMIN_URL: 'redis-admin-url',
  },
}
