// A PostgreSQL server of our own: on the loopback address only, with a generated password, without a Unix socket.
import { spawn } from 'node:child_process'
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import pg from 'pg'
import { commandLine } from './identity.ts'
import { onPort } from './on-port.ts'
import { type PostgresHome, postgresHome } from './postgres-account.ts'
import { type PostgresSoftware, postgresSoftware } from './postgres-software.ts'
import { supervise } from './process.ts'
import { SetupError } from './setup-error.ts'
import { asStore, type Store, type StoreOptions } from './store.ts'

const USUAL_PORT = 15432
const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/** Starts PostgreSQL; its URL is the superuser's. */
export async function startPostgres({ dataDir, env, progress }: StoreOptions): Promise<Store> {
  const home = postgresHome(dataDir.path, progress)
  const software = postgresSoftware(home, env)
  const data = join(home.path, 'data')
  const password = dataDir.secret('postgres')
  if (existsSync(data)) requireSameVersion(software, data)
  else {
    progress('PostgreSQL: creating the database')
    await createCluster(software, home, password)
  }
  const urlOn = (port: number) => `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`
  const { process, port } = await onPort(dataDir.path, 'postgres', USUAL_PORT, (port) =>
    supervise({
      name: 'postgres',
      dataDir: dataDir.path,
      launch: () => {
        dropStalePidFile(data)
        return {
          command: software.postgres,
          args: serverArgs(data, port),
          env: ENVIRONMENT,
          cwd: home.path,
          ...home.account,
        }
      },
      ready: () => answers(urlOn(port)),
      stopSignal: 'SIGINT', // "fast": ends connections, keeps every commit
      progress,
    }),
  )
  return asStore(process, urlOn(port), software.source)
}

function serverArgs(data: string, port: number): string[] {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    timezone: 'UTC',
    log_timezone: 'UTC',
  }
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

async function createCluster(
  { initdb }: PostgresSoftware,
  home: PostgresHome,
  password: string,
): Promise<void> {
  const draft = join(home.path, 'data.new')
  const passwordFile = join(home.path, 'password.new')
  rmSync(draft, { recursive: true, force: true })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (home.account) chownSync(passwordFile, home.account.uid, home.account.gid)
  try {
    const args = [
      '-D',
      draft,
      '-U',
      'postgres',
      '-A',
      'scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--no-locale',
    ]
    const child = spawn(initdb, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: ENVIRONMENT,
      cwd: home.path,
      ...home.account,
    })
    const [output, errors, exit] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    if (exit[0] !== 0)
      throw new SetupError(`PostgreSQL could not create its database in ${draft}:\n${output}${errors}`)
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(draft, join(home.path, 'data'))
}

function requireSameVersion({ postgres }: PostgresSoftware, data: string): void {
  const made = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  const major = /software-.*?-(\d+)\.|\/(\d+)\//.exec(postgres)?.[1]
  if (major && major !== made) {
    throw new SetupError(
      `${data} was made by PostgreSQL ${made}; the installed one is ${major}. Delete the folder to begin anew.`,
    )
  }
}

// After kill -9 the file remains. PostgreSQL sees through it, except where its process id now means another program.
function dropStalePidFile(data: string): void {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  if (!commandLine(pid)?.includes(data)) rmSync(file, { force: true })
}

async function answers(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
  client.on('error', () => {}) // a server that stops while we ask shows as a rejected query too
  try {
    await client.connect()
    await client.query('SELECT 1')
  } finally {
    await client.end().catch(() => undefined)
  }
}
