// A MariaDB server of a test's own: on the loopback address, with a generated password, gone when disposed.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Apt, ownApt, systemApt } from '@mcpshield/infra/dev/apt.ts'
import { findBinary } from '@mcpshield/infra/dev/binaries.ts'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { neededPackages } from '@mcpshield/infra/dev/debian-package.ts'
import { onPort } from '@mcpshield/infra/dev/on-port.ts'
import { startReaper, supervise } from '@mcpshield/infra/dev/process.ts'
import mysql from 'mysql2/promise'

export type Mariadb = AsyncDisposable & {
  /** `mysql://root:password@127.0.0.1:port/test`, an account that may do everything. */
  readonly url: string
  /** The only folder that the server's SQL may read files from and write them to. */
  readonly filesDir: string
}

const usualPort = 23306
const programsDir = join(import.meta.dirname, '../../../node_modules/.cache/mcpshield')

/** Starts a server with the empty database `test`; throws where no MariaDB can be had. */
export async function startMariadb(): Promise<Mariadb> {
  const program = await findProgram()
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-mariadb-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = stack.use(openDataDir(folder))
  stack.use(startReaper(folder))
  const password = dataDir.secret('mariadb')
  const filesDir = join(folder, 'files')
  for (const each of [filesDir, join(folder, 'data'), join(folder, 'tmp')]) mkdirSync(each)
  await bootstrap(program, folder, password)

  const server = await onPort(folder, 'mariadb', usualPort, (port) =>
    supervise({
      name: 'mariadb',
      dataDir: folder,
      launch: () => ({
        command: program.command,
        args: [...serverArgs(program, folder), `--port=${port}`, '--bind-address=127.0.0.1'],
        env: program.env,
      }),
      ready: () => answers(urlOf(port)),
      progress: () => {},
    }),
  )
  stack.use(server.process)

  function urlOf(port: number): string {
    return `mysql://root:${password}@127.0.0.1:${port}/test`
  }
  const running = stack.move()
  return { url: urlOf(server.port), filesDir, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** Why a test that needs MariaDB cannot run on this machine; undefined where it can. */
export async function whyNoMariadb(): Promise<string | undefined> {
  try {
    await findProgram()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

type Program = { command: string; scriptsDir: string; env: NodeJS.ProcessEnv }

async function findProgram(): Promise<Program> {
  const installed = findBinary('mariadbd', process.env)
  const scriptsDir = scriptsBelow('/')
  if (installed && scriptsDir) return { command: installed, scriptsDir, env: { PATH: process.env.PATH } }
  const root = join(programsDir, packageName)
  if (!existsSync(root)) await fetchPackage(root)
  const command = join(root, 'usr/sbin/mariadbd')
  const unpackedScripts = scriptsBelow(root)
  if (!existsSync(command) || !unpackedScripts) throw new Error(`the package ${packageName} has no mariadbd`)
  const env = { PATH: process.env.PATH, LD_LIBRARY_PATH: libraryFolders(root).join(':') }
  return { command, scriptsDir: unpackedScripts, env }
}

function scriptsBelow(root: string): string | undefined {
  const folders = ['mysql', 'mariadb'].map((name) => join(root, 'usr/share', name))
  return folders.find((folder) => existsSync(join(folder, 'mysql_system_tables.sql')))
}

function libraryFolders(root: string): string[] {
  return ['usr/lib', 'lib'].flatMap((name) => {
    const folder = join(root, name)
    if (!existsSync(folder)) return []
    const platforms = readdirSync(folder).filter((each) => each.includes('-linux-'))
    return [folder, ...platforms.map((each) => join(folder, each))]
  })
}

const packageName = 'mariadb-server-core'
const run = promisify(execFile)

// As for the other servers: apt verifies and downloads, dpkg unpacks into a folder of ours; nothing is installed.
async function fetchPackage(root: string): Promise<void> {
  if (!['apt-get', 'apt-cache', 'dpkg', 'dpkg-query'].every((tool) => findBinary(tool, process.env)))
    throw new Error(
      'mariadbd is not installed, and this is not Debian or Ubuntu, whose package could be fetched',
    )
  const draft = `${root}.new-${process.pid}`
  const debs = join(draft, 'debs')
  try {
    mkdirSync(debs, { recursive: true })
    const download = async (apt: Apt) => apt.download(await missingPackages(apt), debs)
    await download(systemApt(process.env)).catch(async () =>
      download(await ownApt(join(programsDir, 'apt'), process.env)),
    )
    for (const file of readdirSync(debs)) await run('dpkg', ['-x', join(debs, file), draft])
    rmSync(debs, { recursive: true })
    moveInto(draft, root)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`mariadbd is not installed and its package cannot be fetched: ${reason}`, {
      cause: error,
    })
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

async function missingPackages(apt: Apt): Promise<string[]> {
  const { stdout } = await run('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Abbrev}\n'], {
    maxBuffer: 1e8,
  })
  const installed = new Set([...stdout.matchAll(/^(\S+) ii/gm)].map(([, name]) => name ?? ''))
  const wanted = new Set([packageName])
  for (const each of wanted)
    for (const dependency of neededPackages(await apt.show(each), installed)) wanted.add(dependency)
  return [...wanted]
}

// Whole or not at all; where another process was quicker, its copy is as good.
function moveInto(draft: string, root: string): void {
  try {
    renameSync(draft, root)
  } catch (error) {
    if (!existsSync(root)) throw error
  }
}

// Small, and without the promises to a disk that a test does not need.
function serverArgs({ scriptsDir }: Program, folder: string): string[] {
  return [
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--datadir=${join(folder, 'data')}`,
    `--tmpdir=${join(folder, 'tmp')}`,
    `--socket=${join(folder, 'mariadb.sock')}`,
    `--pid-file=${join(folder, 'mariadb.pid')}`,
    `--secure-file-priv=${join(folder, 'files')}`,
    `--lc-messages-dir=${scriptsDir}`,
    `--character-sets-dir=${join(scriptsDir, 'charsets')}`,
    '--character-set-server=utf8mb4',
    '--skip-log-bin',
    '--skip-name-resolve',
    '--max-connections=50',
    '--key-buffer-size=1M',
    '--aria-pagecache-buffer-size=2M',
    '--innodb-buffer-pool-size=16M',
    '--innodb-log-file-size=4M',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-doublewrite=0',
  ]
}

// What mariadb-install-db does (a statement ends at a line's end), without the help texts and the sys schema, which take most of its time.
async function bootstrap(program: Program, folder: string, password: string): Promise<void> {
  const script = (name: string) => readFileSync(join(program.scriptsDir, name), 'utf8')
  const statements = [
    'CREATE DATABASE mysql;',
    'USE mysql;',
    'SET @auth_root_socket = NULL;',
    script('mysql_system_tables.sql'),
    script('mysql_performance_tables.sql'),
    script('mysql_system_tables_data.sql'),
    'FLUSH PRIVILEGES;',
    "DELETE FROM mysql.global_priv WHERE User IN ('', 'root');",
    'FLUSH PRIVILEGES;',
    `GRANT ALL PRIVILEGES ON *.* TO root@127.0.0.1 IDENTIFIED BY '${password}' WITH GRANT OPTION;`,
    `GRANT ALL PRIVILEGES ON *.* TO root@localhost IDENTIFIED BY '${password}' WITH GRANT OPTION;`,
    'CREATE DATABASE test CHARACTER SET utf8mb4;',
  ]
  const child = spawn(program.command, [...serverArgs(program, folder), '--bootstrap'], {
    env: program.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-2_000)))
  child.stdin.on('error', () => {}) // it ended early: the exit code says so
  child.stdin.end(statements.join('\n'))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`MariaDB could not make its tables: ${output}`)
}

async function answers(url: string): Promise<void> {
  const connection = await mysql.createConnection(url)
  await connection.end()
}
