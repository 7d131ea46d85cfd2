// A server that speaks MongoDB's protocol for a test file: one that the environment names, else a mongod of one's
// own, else FerretDB with SQLite behind it, which is built once and lacks some stages.
import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findBinary } from '@mcpshield/infra/dev/binaries.ts'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { onPort } from '@mcpshield/infra/dev/on-port.ts'
import { startReaper, supervise } from '@mcpshield/infra/dev/process.ts'
import { MongoClient } from 'mongodb'

export type Mongodb = AsyncDisposable & {
  /** `mongodb://127.0.0.1:port/database`, where the database is empty. */
  readonly url: string
  readonly kind: 'mongod' | 'ferretdb'
}

type Program = { kind: Mongodb['kind']; command: string }

const usualPort = 23717
const programsDir = join(import.meta.dirname, '../../../node_modules/.cache/mcpshield')
const ferretdb = { module: 'github.com/FerretDB/FerretDB', version: 'v1.24.2' }
const buildTimeoutMs = 600_000
const run = promisify(execFile)

/** Starts a server; undefined, and said loudly, where none can be had: what needs it is then skipped, not passed. */
export async function startMongodb(): Promise<Mongodb | undefined> {
  const named = process.env.MONGODB_URL
  if (named) return onNamedServer(named)
  const program = await findProgram().catch((error: unknown) => {
    console.warn(`SKIPPED, no server that speaks MongoDB's protocol can be had here: ${messageOf(error)}`)
    return undefined
  })
  return program && startServer(program)
}

/** A database of one's own on a server that is there already, dropped when disposed. */
async function onNamedServer(named: string): Promise<Mongodb> {
  const url = new URL(named)
  url.pathname = `/mcpshield_test_${process.pid}_${Date.now()}`
  return {
    url: url.href,
    kind: 'mongod',
    async [Symbol.asyncDispose]() {
      const client = await MongoClient.connect(url.href)
      await client.db().dropDatabase()
      await client.close()
    },
  }
}

async function findProgram(): Promise<Program> {
  const mongod = findBinary('mongod', process.env)
  if (mongod) return { kind: 'mongod', command: mongod }
  const command = join(programsDir, 'ferretdb')
  if (!existsSync(command)) await buildFerretdb(command)
  return { kind: 'ferretdb', command }
}

// Its module lacks the file that names its version, without which it does not start: so not by `go install`.
async function buildFerretdb(command: string): Promise<void> {
  const go = findBinary('go', process.env)
  if (!go) throw new Error('MONGODB_URL is not set, and neither mongod nor Go is installed')
  console.log('FerretDB: building it, once, which takes about a minute')
  const draft = `${command}.new-${process.pid}`
  mkdirSync(draft, { recursive: true })
  const options = { cwd: draft, timeout: buildTimeoutMs, maxBuffer: 1e8 }
  try {
    const { module, version } = ferretdb
    const { stdout } = await run(go, ['mod', 'download', '-json', `${module}@${version}`], options)
    const source = join(draft, 'source')
    cpSync((JSON.parse(stdout) as { Dir: string }).Dir, source, { recursive: true })
    const folder = join(source, 'build/version')
    chmodSync(folder, 0o755)
    writeFileSync(join(folder, 'version.txt'), version)
    await run(go, ['build', '-o', join(draft, 'ferretdb'), './cmd/ferretdb'], { ...options, cwd: source })
    renameSync(join(draft, 'ferretdb'), command)
  } catch (error) {
    throw new Error(`FerretDB cannot be built: ${messageOf(error)}`, { cause: error })
  } finally {
    await removeWritable(draft)
  }
}

/** Go keeps its modules read-only, and so are copies of them. */
async function removeWritable(folder: string): Promise<void> {
  await run('chmod', ['-R', 'u+w', folder]).catch(() => undefined)
  rmSync(folder, { recursive: true, force: true })
}

async function startServer(program: Program): Promise<Mongodb> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-mongodb-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  stack.use(openDataDir(folder))
  stack.use(startReaper(folder))
  const data = join(folder, 'data')
  mkdirSync(data)
  const urlOf = (port: number) => `mongodb://127.0.0.1:${port}/test?directConnection=true`
  const server = await onPort(folder, 'mongodb', usualPort, (port) =>
    supervise({
      name: 'mongodb',
      dataDir: folder,
      launch: () => ({ command: program.command, args: argsOf(program, data, port), env: {} }),
      ready: () => answers(urlOf(port)),
      progress: () => {},
    }),
  )
  stack.use(server.process)
  const running = stack.move()
  return {
    url: urlOf(server.port),
    kind: program.kind,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function argsOf({ kind }: Program, data: string, port: number): string[] {
  if (kind === 'mongod') return ['--dbpath', data, '--port', String(port), '--bind_ip', '127.0.0.1']
  return [
    '--handler=sqlite',
    `--sqlite-url=file:${data}/`,
    `--state-dir=${data}`,
    `--listen-addr=127.0.0.1:${port}`,
    '--debug-addr=-',
    '--telemetry=disable',
    '--log-level=error',
  ]
}

async function answers(url: string): Promise<void> {
  const client = await MongoClient.connect(url, { serverSelectionTimeoutMS: 1_000 })
  await client.db().command({ ping: 1 })
  await client.close()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
