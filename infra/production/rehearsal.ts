// docker-compose.yml without Docker: the same jobs and services in the same order, told the same things with the same
// secrets, as processes of this machine behind a real Caddy with the real Caddyfile. Only hosts and ports differ, and
// PostgreSQL and ClickHouse are those of `npm start`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startClickhouse } from '../dev/clickhouse.ts'
import type { DataDir } from '../dev/data-dir.ts'
import { startMailbox } from '../dev/mailbox.ts'
import { startPostgres } from '../dev/postgres.ts'
import { saysReady, supervise, type Launch, type Supervised } from '../dev/process.ts'
import { ask } from '../dev/server-probe.ts'
import { findServer } from '../dev/server-program.ts'
import { SetupError } from '../dev/setup-error.ts'
import type { StoreOptions } from '../dev/store.ts'
import { buildWeb } from '../dev/web.ts'
import { caddyProgram } from './test-programs.ts'
import { filled, readCompose, ROOT, type ComposeService } from './compose-file.ts'
import { freePorts } from './free-ports.ts'
import { openSecretFolder } from './secret-folder.ts'
import { makeSecrets } from './secrets.ts'
import { setUp } from './setup.ts'
import { parseSettings } from './settings.ts'
import type { ConnectTo } from './verify/asking.ts'

export type Rehearsal = AsyncDisposable & {
  urls: { app: string; api: string; mcp: string }
  /** Where these addresses are answered. */
  door: ConnectTo
  mail: string
  secrets: string
  redisPort: number
  /** Exit code of the health check that a container of it would have. */
  health(service: string): Promise<number>
}

const PORTS = ['nats', 'monitor', 'socket', 'redis', 'http', 'https', 'caddyHealth', 'mail'] as const
type Ports = Record<(typeof PORTS)[number], number>

const DOMAIN = 'rehearsal.localhost'
const JOB_WITHIN_MS = 60_000
/** Whose HTTP port is named by which variable. */
const PORT_OF: Record<string, string> = {
  'rest-gateway': 'API_PORT',
  'mcp-gateway': 'MCP_PORT',
  decision: 'DECISION_PORT',
  web: 'WEB_PORT',
}

export async function rehearse(
  dataDir: DataDir,
  { env, programsDir, progress }: Omit<StoreOptions, 'dataDir'>,
): Promise<Rehearsal> {
  await using stack = new AsyncDisposableStack()
  const caddy = await caddyProgram(env)
  if (typeof caddy !== 'string') throw new SetupError(`There is no Caddy here, and ${caddy.missing}.`)
  const built = buildWeb(progress)
  built.catch(() => undefined)
  const options = { dataDir, env, progress, ...(programsDir === undefined ? {} : { programsDir }) }
  const ports = await freePorts(PORTS)
  const mailbox = stack.use(
    await startMailbox({ dataDir, env: { ...env, MAIL_PORT: String(ports.mail) }, progress }),
  )
  const [postgres, clickhouse] = await Promise.all([startPostgres(options), startClickhouse(options)])
  stack.use(postgres)
  stack.use(clickhouse)
  const secrets = join(dataDir.path, 'production/secrets')
  await prepareSecrets(secrets, { postgres: postgres.url, clickhouse: clickhouse.url, redis: ports.redis })
  const envFile = join(dataDir.path, 'settings')
  await setUp({
    dir: join(dataDir.path, 'production'),
    envFile,
    settings: settingsOf(),
    smtpUrl: mailbox.url,
    kubernetes: false,
  })
  stack.use(await startNats(options, secrets, ports))
  stack.use(await startRedis(options, secrets, ports))
  const place = await placeOf(dataDir, secrets, parseSettings(readFileSync(envFile, 'utf8')), ports, progress)
  await runJobs(place)
  await built
  await startServices(place, stack)
  const door = await startCaddy(place, caddy, stack)
  const kept = stack.move()
  return {
    urls: { app: `https://app.${DOMAIN}`, api: `https://api.${DOMAIN}`, mcp: `https://mcp.${DOMAIN}` },
    door,
    mail: mailbox.page,
    secrets,
    redisPort: ports.redis,
    health: (service) =>
      exitCode([join(ROOT, 'infra/docker/health.js')], { METRICS_PORT: String(place.metrics[service]) }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

function settingsOf() {
  return {
    APP_DOMAIN: `app.${DOMAIN}`,
    API_DOMAIN: `api.${DOMAIN}`,
    MCP_DOMAIN: `mcp.${DOMAIN}`,
    ACME_EMAIL: `ops@${DOMAIN}.test`,
    SMTP_FROM_EMAIL: `noreply@${DOMAIN}.test`,
  }
}

/** Addresses of this machine's stores; `setup` makes the rest, and keeps these. */
async function prepareSecrets(
  path: string,
  at: { postgres: string; clickhouse: string; redis: number },
): Promise<void> {
  const folder = openSecretFolder(path)
  folder.keepOrMake('database-admin-url', () => at.postgres)
  folder.keepOrMake('clickhouse-url', () => at.clickhouse)
  const hosts = { postgres: new URL(at.postgres).host, redis: `127.0.0.1:${at.redis}`, clickhouse: 'unused' }
  await makeSecrets(folder, { hosts })
}

function startNats({ dataDir, env, programsDir, progress }: StoreOptions, secrets: string, ports: Ports) {
  const folder = join(dataDir.path, 'nats')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'nats.conf')
  const config = readFileSync(join(secrets, 'nats-config'), 'utf8')
    .replaceAll('"/data', `"${folder}`)
    .replace('0.0.0.0:4222', `127.0.0.1:${ports.nats}`)
    .replace('127.0.0.1:8222', `127.0.0.1:${ports.monitor}`)
    .replace('0.0.0.0:9222', `127.0.0.1:${ports.socket}`)
  writeFileSync(file, config, { mode: 0o600 })
  return startServer('nats-server', { dataDir, env, progress, programsDir }, ['-c', file], async () => {
    await ask(ports.nats, '', (text) => text.includes('mcpshield'))
  })
}

function startRedis({ dataDir, env, programsDir, progress }: StoreOptions, secrets: string, ports: Ports) {
  const folder = join(dataDir.path, 'redis')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'redis.conf')
  const config = readFileSync(join(ROOT, 'infra/stores/redis.conf'), 'utf8')
    .replace('bind 0.0.0.0', 'bind 127.0.0.1')
    .replace('port 6379', `port ${ports.redis}`)
    .replace('/run/secrets/users.acl', join(secrets, 'redis-users'))
    .replace('dir /data', `dir ${folder}`)
  writeFileSync(file, config, { mode: 0o600 })
  return startServer('redis-server', { dataDir, env, progress, programsDir }, [file], async () => {
    // Who says nothing of themselves may ask this, as the container's health check does.
    const answer = await ask(ports.redis, 'PING\r\n', (text) => /\+PONG|-/.test(text))
    if (!answer.includes('+PONG')) throw new Error(answer)
  })
}

type ServerOptions = Omit<StoreOptions, 'programsDir'> & { programsDir: string | undefined }

async function startServer(
  name: 'nats-server' | 'redis-server',
  { dataDir, env, progress, programsDir = join(dataDir.path, 'bin') }: ServerOptions,
  args: string[],
  ready: () => Promise<void>,
): Promise<Supervised> {
  const program = await findServer(name, { programsDir, env, progress })
  const launch = (): Launch => program.launch({ args, port: 0, folder: dataDir.path })
  return supervise({ name, dataDir: dataDir.path, launch, ready, progress })
}

type Place = {
  dataDir: DataDir
  compose: ReturnType<typeof readCompose>
  settings: Record<string, string>
  secrets: string
  ports: Ports
  /** HTTP port of each service that has one. */
  http: Record<string, number>
  metrics: Record<string, number>
  progress: (line: string) => void
}

async function placeOf(
  dataDir: DataDir,
  secrets: string,
  settings: Record<string, string>,
  ports: Ports,
  progress: (line: string) => void,
): Promise<Place> {
  const compose = readCompose()
  const built = Object.keys(compose.services).filter((name) => compose.services[name]?.build !== undefined)
  const [http, metrics] = [await freePorts(Object.keys(PORT_OF)), await freePorts(built)]
  return { dataDir, compose, settings, secrets, ports, http, metrics, progress }
}

/** What Compose would give the container, at this machine's addresses. */
function environmentOf(place: Place, name: string): Record<string, string> {
  const { environment = {}, secrets = [] } = place.compose.services[name]!
  const given = Object.entries(environment).map(([variable, text]) => {
    const value = filled(String(text), place.settings)
    const secret = secrets.find(({ target }) => value === `/run/secrets/${target}`)
    return [variable, secret === undefined ? value : secretFile(place, secret.source)]
  })
  const { http, metrics, ports } = place
  const moved: Record<string, string> = {
    NATS_URL: `nats://127.0.0.1:${ports.nats}`,
    INTERNAL_API_URL: `http://127.0.0.1:${http['rest-gateway']}`,
    HOST: '127.0.0.1',
    // All of them are at one address here.
    TRUST_PROXY: '127.0.0.1',
    ...(PORT_OF[name] === undefined ? {} : { [PORT_OF[name]]: String(http[name]) }),
  }
  const all = Object.fromEntries(given) as Record<string, string>
  for (const variable of Object.keys(all)) all[variable] = moved[variable] ?? all[variable]!
  return { ...all, METRICS_PORT: String(metrics[name] ?? ''), LOG_LEVEL: 'warn' }
}

function secretFile({ compose, settings }: Place, source: string): string {
  const file = compose.secrets[source]?.file
  if (file === undefined) throw new SetupError(`docker-compose.yml declares no secret ${source}.`)
  return filled(file, settings)
}

const folderOf = ({ build }: ComposeService) =>
  build?.dockerfile.endsWith('web.Dockerfile') ? 'web' : build?.args?.['FOLDER']

/** Of an image that another service's build makes, the folder of that. */
function folderOfImage({ compose }: Place, image: string): string {
  const builder = Object.values(compose.services).find(
    (each) => each.image === image && each.build !== undefined,
  )
  const folder = builder && folderOf(builder)
  if (folder === undefined) throw new SetupError(`Nothing builds ${image}.`)
  return folder
}

async function runJobs(place: Place): Promise<void> {
  const isJob = (name: string) => name === 'prepare' || name.startsWith('migrate-')
  const jobs = Object.keys(place.compose.services).filter(isJob)
  const done = new Set<string>()
  while (done.size < jobs.length) {
    const ready = jobs.filter((name) => {
      const after = Object.keys(place.compose.services[name]?.depends_on ?? {}).filter(isJob)
      return !done.has(name) && after.every((each) => done.has(each))
    })
    if (ready.length === 0) throw new SetupError('The jobs wait for each other.')
    await Promise.all(ready.map((name) => runJob(place, name)))
    for (const name of ready) done.add(name)
  }
}

async function runJob(place: Place, name: string): Promise<void> {
  const { image, command = [] } = place.compose.services[name]!
  place.progress(`job ${name}`)
  const folder = join(ROOT, folderOfImage(place, image))
  const code = await exitCode(command, environmentOf(place, name), folder)
  if (code !== 0) throw new SetupError(`The job ${name} ended with ${code}.`)
}

async function exitCode(args: string[], env: Record<string, string>, cwd = ROOT): Promise<number> {
  const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const late = setTimeout(() => child.kill('SIGKILL'), JOB_WITHIN_MS)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(late)
  if (code !== 0) console.error(output.slice(-2_000))
  return code ?? 1
}

/** In the order that `depends_on` gives. */
async function startServices(place: Place, stack: AsyncDisposableStack): Promise<void> {
  const services = Object.keys(place.metrics).filter((name) => name !== 'prepare')
  const started = new Set<string>()
  while (started.size < services.length) {
    const ready = services.filter((name) => {
      const after = Object.keys(place.compose.services[name]?.depends_on ?? {})
      return !started.has(name) && after.every((each) => started.has(each) || !services.includes(each))
    })
    if (ready.length === 0) throw new SetupError('The services wait for each other.')
    const running = await Promise.allSettled(ready.map((name) => startService(place, name)))
    for (const each of running) if (each.status === 'fulfilled') stack.use(each.value)
    for (const each of running) if (each.status === 'rejected') throw each.reason
    for (const name of ready) started.add(name)
  }
}

function startService(place: Place, name: string): Promise<Supervised> {
  const folder = join(ROOT, folderOf(place.compose.services[name]!) ?? '')
  return supervise({
    name,
    dataDir: place.dataDir.path,
    launch: () => ({
      command: process.execPath,
      args: ['src/main.ts'],
      env: environmentOf(place, name),
      cwd: folder,
      ipc: true,
    }),
    ready: saysReady,
    progress: place.progress,
  })
}

async function startCaddy(place: Place, command: string, stack: AsyncDisposableStack): Promise<ConnectTo> {
  const { ports, http, dataDir } = place
  const home = join(dataDir.path, 'caddy')
  const options = [
    'local_certs',
    'skip_install_trust',
    `http_port ${ports.http}`,
    `https_port ${ports.https}`,
  ]
  const env = {
    ...place.settings,
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_CONFIG_HOME: home,
    CADDY_GLOBAL_OPTIONS: options.join('\n'),
    CADDY_ADMIN: `unix/${join(dataDir.path, 'caddy-admin.sock')}`,
    CADDY_HEALTH_PORT: String(ports.caddyHealth),
    WEB_UPSTREAM: `127.0.0.1:${http['web']}`,
    REST_GATEWAY_UPSTREAM: `127.0.0.1 ${http['rest-gateway']}`,
    MCP_GATEWAY_UPSTREAM: `127.0.0.1 ${http['mcp-gateway']}`,
    DECISION_UPSTREAM: `127.0.0.1 ${http['decision']}`,
  }
  const args = ['run', '--config', join(ROOT, 'Caddyfile'), '--adapter', 'caddyfile']
  const authority = join(home, 'caddy/pki/authorities/local/root.crt')
  stack.use(
    await supervise({
      name: 'caddy',
      dataDir: dataDir.path,
      launch: () => ({ command, args, env }),
      async ready() {
        if (!existsSync(authority)) throw new Error('it has made no authority yet')
        await fetch(`http://127.0.0.1:${ports.caddyHealth}/`)
        // Certificates are made a moment later.
        await ask(ports.https, '', () => true).catch(() => undefined)
      },
      progress: place.progress,
    }),
  )
  return {
    host: '127.0.0.1',
    port: ports.https,
    plainPort: ports.http,
    authority: readFileSync(authority, 'utf8'),
  }
}
