// The whole product on local stores: what `npm start` runs and what the stack's tests drive.
import { connect as connectNats, credsAuthenticator } from 'nats'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inboxPrefix } from '@mcpshield/bus/permissions'
import { provision } from '@mcpshield/bus/provision'
import { natsConfig } from '@mcpshield/bus/accounts'
import { createRoles } from '../postgres/roles.ts'
import { startBacking, type Backing } from './backing.ts'
import { busAccounts } from './bus-accounts.ts'
import type { DataDir } from './data-dir.ts'
import { mailboxPort, startMailbox } from './mailbox.ts'
import { checkNamedStores } from './named-stores.ts'
import { requireFree } from './ports.ts'
import { migrateService, START_ORDER, startServices, type LocalService, type ServiceEnv } from './services.ts'
import { buildWeb, startWeb } from './web.ts'
import { SetupError } from './setup-error.ts'

export type Stack = AsyncDisposable & {
  api: string
  /** The dashboard; absent where it was not asked for. */
  web?: string
  mcp: string
  decisions: string
  /** Web page of the local mailbox; absent where SMTP_URL names a mail server. */
  mail?: string
  /** What who runs the installation signs in with. */
  operatorToken: string
  backing: Backing
  credsFile(service: string): string
  /** Process ids of stores and services, as of now. */
  pids(): Record<string, number | undefined>
}

export type StackOptions = {
  dataDir: DataDir
  /** Where fetched programs are kept; below the data folder where not given. */
  programsDir?: string
  env: NodeJS.ProcessEnv
  progress: (line: string) => void
  /** Given to every service beside what it asks for: what tests set its clock by. */
  everyService?: Record<string, string>
  /** Whether the dashboard is built and started too. */
  withWeb?: boolean
  /** Aborted, the start ends at its next step and takes back what it did. */
  signal?: AbortSignal
}

const WITH_DATABASE = ['auth', 'projects', 'billing', 'mailer', 'ai', 'siem'] as const
const WITH_MIGRATIONS = [...WITH_DATABASE, 'ingest'] as const

export async function startStack({
  dataDir,
  programsDir,
  env,
  progress,
  withWeb = false,
  everyService = {},
  signal,
}: StackOptions): Promise<Stack> {
  const ports = {
    api: Number(env.API_PORT ?? 8000),
    mcp: Number(env.MCP_PORT ?? 8100),
    decisions: Number(env.DECISION_PORT ?? 8200),
    web: Number(env.WEB_PORT ?? 3000),
  }
  if (withWeb) await requireFree({ name: 'the dashboard', port: ports.web, variable: 'WEB_PORT' })
  await requireFree({ name: 'the REST API', port: ports.api, variable: 'API_PORT' })
  await requireFree({ name: 'the MCP gateway', port: ports.mcp, variable: 'MCP_PORT' })
  await requireFree({ name: 'the decision service', port: ports.decisions, variable: 'DECISION_PORT' })
  if (!env.SMTP_URL) await requireFree({ name: 'the mailbox', port: mailboxPort(env), variable: 'MAIL_PORT' })

  await checkNamedStores(env)

  await using stack = new AsyncDisposableStack()
  // Beside the start of everything else, which takes longer.
  const built = withWeb ? buildWeb(progress, signal) : undefined
  built?.catch(() => undefined)
  const { accounts, credsFile: localCredsFile, operatorSeedFile } = await busAccounts(dataDir.path)
  const credsFile = env.NATS_URL ? givenCreds(env) : localCredsFile
  progress('starting PostgreSQL, NATS, Redis and ClickHouse')
  const backing = stack.use(
    await startBacking({
      dataDir,
      ...(programsDir === undefined ? {} : { programsDir }),
      env,
      progress,
      natsConfig: (port, storeDir) => natsConfig(accounts, { host: '127.0.0.1', port, storeDir }),
    }),
  )
  signal?.throwIfAborted()
  const mailbox = env.SMTP_URL ? undefined : stack.use(await startMailbox({ dataDir, env, progress }))
  const smtpUrl = mailbox?.url ?? env.SMTP_URL!
  progress('migrating')
  const passwords = Object.fromEntries(
    WITH_DATABASE.map((name) => [name, dataDir.secret(`postgres-${name}`)]),
  )
  await createRoles(backing.databaseUrl, passwords)
  await provisionBus(backing.natsUrl, credsFile('provision'))
  const operatorToken = env.OPERATOR_TOKEN ?? ownOperatorToken(dataDir)
  const parts = {
    dataDir,
    env,
    backing,
    smtpUrl,
    operatorToken,
    passwords,
    credsFile,
    operatorSeedFile,
    ports,
    withWeb,
    everyService,
  }
  const envOf = serviceEnv(parts)
  await Promise.all(WITH_MIGRATIONS.map((name) => migrateService(name, envOf(name))))
  signal?.throwIfAborted()
  progress('starting the services')
  const services = stack.use(await startServices({ dataDir: dataDir.path, envOf, progress }))
  signal?.throwIfAborted()
  await built
  const web = withWeb
    ? stack.use(
        await startWeb({ dataDir: dataDir.path, env: webEnv({ ...parts, mail: mailbox?.page }), progress }),
      )
    : undefined
  signal?.throwIfAborted()
  const kept = stack.move()
  return {
    api: `http://localhost:${ports.api}`,
    ...(web === undefined ? {} : { web: webUrlOf(env, ports) }),
    mcp: `http://localhost:${ports.mcp}/mcp`,
    decisions: `http://localhost:${ports.decisions}`,
    ...(mailbox === undefined ? {} : { mail: mailbox.page }),
    operatorToken,
    backing,
    credsFile,
    pids: () => ({
      ...backing.pids(),
      ...(mailbox === undefined ? {} : { mailbox: mailbox.pid }),
      ...services.pids(),
      ...(web === undefined ? {} : { web: web.pid }),
    }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** A NATS server of one's own comes with credentials of its own: a .creds file for each service. */
function givenCreds(env: NodeJS.ProcessEnv): (service: string) => string {
  const folder = env.NATS_CREDS_DIR
  if (!folder) {
    throw new SetupError(
      'NATS_URL names a server, but NATS_CREDS_DIR does not say where the .creds files of the services are (auth.creds, projects.creds, …).',
    )
  }
  return (service) => join(folder, `${service}.creds`)
}

async function provisionBus(url: string, credsFile: string): Promise<void> {
  const connection = await connectNats({
    servers: url,
    authenticator: credsAuthenticator(readFileSync(credsFile)),
    inboxPrefix: inboxPrefix('provision'),
  })
  try {
    await provision(connection)
  } finally {
    await connection.close()
  }
}

type EnvParts = {
  dataDir: DataDir
  env: NodeJS.ProcessEnv
  backing: Backing
  smtpUrl: string
  operatorToken: string
  passwords: Record<string, string>
  credsFile: (service: string) => string
  operatorSeedFile: string
  ports: { api: number; mcp: number; decisions: number; web: number }
  withWeb: boolean
  everyService: Record<string, string>
}

const webUrlOf = (env: NodeJS.ProcessEnv, ports: { web: number }) =>
  env.WEB_URL ?? `http://localhost:${ports.web}`

const given = (env: NodeJS.ProcessEnv, names: string[]): Record<string, string> =>
  Object.fromEntries(names.filter((name) => env[name] !== undefined).map((name) => [name, env[name]!]))

function webEnv({
  env,
  backing,
  ports,
  mail,
}: EnvParts & { mail: string | undefined }): Record<string, string> {
  const internal = `http://localhost:${ports.api}`
  return {
    ...given(env, ['LOG_LEVEL', 'TZ', 'HOST', 'TRUST_PROXY', 'OTP_LENGTH']),
    WEB_PORT: String(ports.web),
    WEB_URL: webUrlOf(env, ports),
    API_URL: env.API_URL ?? internal,
    INTERNAL_API_URL: internal,
    MCP_URL: env.MCP_URL ?? `http://localhost:${ports.mcp}`,
    REDIS_URL: backing.redisUrl,
    ...(mail === undefined ? {} : { MAIL_URL: mail }),
  }
}

/** What each service is told: no more than its config.ts asks for. */
function serviceEnv(parts: EnvParts): ServiceEnv {
  const { dataDir, env, backing, passwords, credsFile, ports } = parts
  const hex = (name: string) => hexSecret(dataDir, name)
  const database = (service: string) => roleUrl(backing.databaseUrl, service, passwords[service] ?? '')
  const webUrl = webUrlOf(env, ports)
  const decisionPoint = { REDIS_URL: backing.redisUrl, AUDIT_DIGEST_KEY: hex('audit-digest-key') }
  const own: Record<LocalService, Record<string, string>> = {
    auth: {
      DATABASE_URL: database('auth'),
      REDIS_URL: backing.redisUrl,
      MASTER_KEY: hex('master-key'),
      ...given(env, [
        'LOGIN_RATE_LIMIT_ATTEMPTS',
        'LOGIN_RATE_LIMIT_WINDOW_MINUTES',
        'JWT_ACCESS_TOKEN_EXPIRE_MINUTES',
        'JWT_REFRESH_TOKEN_EXPIRE_DAYS',
        'JWT_SIGNING_KEY_DAYS',
        'OTP_LENGTH',
        'OTP_EXPIRE_MINUTES',
        'OTP_MAX_ATTEMPTS',
        'OTP_RATE_LIMIT_REQUESTS',
        'OTP_RATE_LIMIT_WINDOW_MINUTES',
        'MASTER_KEY_PREVIOUS',
      ]),
    },
    projects: {
      DATABASE_URL: database('projects'),
      API_URL: env.API_URL ?? `http://localhost:${ports.api}`,
      WEB_URL: webUrl,
      MASTER_KEY: hex('master-key'),
      ...given(env, ['MASTER_KEY_PREVIOUS', 'UPSTREAM_EGRESS']),
    },
    billing: { DATABASE_URL: database('billing') },
    ai: {
      DATABASE_URL: database('ai'),
      REDIS_URL: backing.redisUrl,
      ...given(env, ['OLLAMA_URL', 'AI_MODEL', 'AI_TIMEOUT_MS', 'AI_CONTEXT_TOKENS']),
    },
    mailer: {
      DATABASE_URL: database('mailer'),
      SMTP_URL: parts.smtpUrl,
      WEB_URL: webUrl,
      ...given(env, ['SMTP_FROM_NAME', 'SMTP_FROM_EMAIL', 'SMTP_TIMEOUT_MS']),
    },
    ingest: { CLICKHOUSE_URL: backing.clickhouseUrl, REDIS_URL: backing.redisUrl },
    decision: { ...decisionPoint, DECISION_PORT: String(ports.decisions) },
    siem: {
      DATABASE_URL: database('siem'),
      MASTER_KEY: hex('master-key'),
      ...given(env, ['MASTER_KEY_PREVIOUS', 'FORWARDER_EGRESS', 'SIEM_NATS_URL', 'SIEM_PUBLIC_URL']),
    },
    'bus-keys': busKeysEnv(parts),
    'mcp-gateway': {
      ...decisionPoint,
      MCP_PORT: String(ports.mcp),
      MCP_SESSION_KEY: hex('mcp-session-key'),
      UPSTREAM_PATH: `${dirname(process.execPath)}:${env.PATH ?? '/usr/local/bin:/usr/bin:/bin'}`,
      ...given(env, [
        'ALLOWED_ORIGINS',
        'MCP_ALLOWED_HOSTS',
        'MCP_BODY_LIMIT_BYTES',
        'MCP_URL',
        'UPSTREAM_COMMANDS',
        'UPSTREAM_EGRESS',
        'UPSTREAM_TIMEOUT_MS',
      ]),
    },
    'rest-gateway': {
      API_PORT: String(ports.api),
      REDIS_URL: backing.redisUrl,
      OPERATOR_TOKEN: parts.operatorToken,
      // The dashboard's server says whose browser it asks for.
      ...(parts.withWeb ? { TRUST_PROXY: 'loopback' } : {}),
      ...given(env, ['ALLOWED_ORIGINS', 'API_URL', 'TRUST_PROXY']),
    },
  }
  return (service) => ({
    ...given(env, ['LOG_LEVEL', 'TZ', 'HOST', ...OPERATORS_VIEW]),
    ...metricsPort(env, service),
    ...parts.everyService,
    NATS_URL: backing.natsUrl,
    NATS_CREDS_FILE: credsFile(service),
    ...own[service],
  })
}

/** Of every service: see docs/observability.md. */
const OPERATORS_VIEW = [
  'METRICS_HOST',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_BSP_SCHEDULE_DELAY',
]

/** On one machine each service has a port of its own: METRICS_PORT and those after it, in the order of starting. */
function metricsPort(env: NodeJS.ProcessEnv, service: LocalService): Record<string, string> {
  if (!env.METRICS_PORT) return {}
  return { METRICS_PORT: String(Number(env.METRICS_PORT) + START_ORDER.flat().indexOf(service)) }
}

/** A NATS server of one's own has keys of its own, which are given too, or not. */
function busKeysEnv({ dataDir, env, credsFile, operatorSeedFile }: EnvParts): Record<string, string> {
  const names = ['NATS_SYSTEM_CREDS', 'NATS_OPERATOR_SEED', 'SIEM_ACCOUNTS_KEY']
  const others = given(env, ['SIEM_NATS_URL', ...names, ...names.map((name) => `${name}_FILE`)])
  if (env.NATS_URL || env.SIEM_NATS_URL) return others
  return {
    NATS_SYSTEM_CREDS_FILE: credsFile('bus-keys-system'),
    NATS_OPERATOR_SEED_FILE: operatorSeedFile,
    SIEM_ACCOUNTS_KEY: hexSecret(dataDir, 'siem-accounts-key'),
  }
}

function hexSecret(dataDir: DataDir, name: string): string {
  return Buffer.from(dataDir.secret(name), 'base64url').toString('hex')
}

/** Made on the first start; beside the other secrets as it is to be typed, for who runs the installation. */
function ownOperatorToken(dataDir: DataDir): string {
  const token = hexSecret(dataDir, 'operator-token')
  writeFileSync(join(dataDir.path, 'secrets', 'OPERATOR_TOKEN'), `${token}\n`, { mode: 0o600 })
  return token
}

/** The URL of a service's own role in the product's database. */
function roleUrl(adminUrl: string, role: string, password: string): string {
  const url = new URL(adminUrl)
  url.username = role
  url.password = password
  url.pathname = '/mcpshield'
  return url.href
}
