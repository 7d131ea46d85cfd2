// docker-compose.yml without Docker: the same jobs and services in the same order, told the same things with the same
// secrets, behind a real Caddy with the real Caddyfile; as processes of this machine, or in containers for run-images.ts.
// Only hosts and ports differ, and PostgreSQL and ClickHouse are those of `npm start`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startClickhouse } from '../dev/clickhouse.ts'
import type { DataDir } from '../dev/data-dir.ts'
import { startMailbox } from '../dev/mailbox.ts'
import { startPostgres } from '../dev/postgres.ts'
import { supervise } from '../dev/process.ts'
import { SetupError } from '../dev/setup-error.ts'
import type { StoreOptions } from '../dev/store.ts'
import { buildWeb } from '../dev/web.ts'
import { freePorts } from './free-ports.ts'
import { startCaddy } from './rehearsal/caddy.ts'
import { placeOf, PORTS, type Place } from './rehearsal/place.ts'
import { asProcesses, type Runner } from './rehearsal/runner.ts'
import { startNats, startRedis } from './rehearsal/stores.ts'
import { openSecretFolder, type Owner } from './secret-folder.ts'
import { makeSecrets } from './secrets.ts'
import { CONTAINER_OWNER, setUp } from './setup.ts'
import { parseSettings } from './settings.ts'
import { caddyProgram } from './test-programs.ts'
import type { ConnectTo } from './verify/asking.ts'

export type Rehearsal = AsyncDisposable & {
  urls: { app: string; api: string; mcp: string }
  /** Where these addresses are answered. */
  door: ConnectTo
  mail: string
  secrets: string
  redisPort: number
  services: string[]
  /** Exit code of the health check of its container. */
  health(service: string): Promise<number>
}

const DOMAIN = 'rehearsal.localhost'

export async function rehearse(
  dataDir: DataDir,
  { env, programsDir, progress }: Omit<StoreOptions, 'dataDir'>,
  runner: Runner = asProcesses,
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
  const settings = { ...parseSettings(readFileSync(envFile, 'utf8')), SIEM_DOMAIN: 'localhost' }
  const place = await placeOf({ dataDir, secrets, settings, ports, runner, progress })
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
    services: servicesOf(place),
    health: (service) => runner.health(place, service),
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
  const owner: Owner | undefined = process.getuid?.() === 0 ? CONTAINER_OWNER : undefined
  const folder = openSecretFolder(path, owner)
  folder.keepOrMake('database-admin-url', () => at.postgres)
  folder.keepOrMake('clickhouse-url', () => at.clickhouse)
  const hosts = { postgres: new URL(at.postgres).host, redis: `127.0.0.1:${at.redis}`, clickhouse: 'unused' }
  await makeSecrets(folder, { hosts, ...(owner === undefined ? {} : { owner }) })
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
  place.progress(`job ${name}`)
  const code = await place.runner.job(place, name)
  if (code !== 0) throw new SetupError(`The job ${name} ended with ${code}.`)
}

/** In the order that `depends_on` gives. */
async function startServices(place: Place, stack: AsyncDisposableStack): Promise<void> {
  const services = servicesOf(place)
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

const servicesOf = ({ metrics }: Place) => Object.keys(metrics).filter((name) => name !== 'prepare')

function startService(place: Place, name: string) {
  const { dataDir, progress, runner } = place
  return supervise({ name, dataDir: dataDir.path, ...runner.service(place, name), progress })
}
