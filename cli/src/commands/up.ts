// `mcpshield up [FOLDER]`: the whole product on this machine, in the background: `npm start` of a clone, with its log.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, openSync, closeSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jsonText } from '../answers.ts'
import { processBirth } from '../process-birth.ts'
import { printable } from '../printable.ts'
import { member } from '../rest-client.ts'
import {
  readUpRecord,
  readyOf,
  removeUpRecord,
  upFolder,
  writeUpRecord,
  type Ready,
  type UpRecord,
} from '../up-record.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

export type UpOptions = { wait: number; json?: boolean }

const START = join('infra', 'dev', 'start.js')
const LOOK_AGAIN_MS = 200
const SHOWN_LINES = 15

export async function up(world: World, folder: string | undefined, options: UpOptions): Promise<number> {
  const before = await readUpRecord(world)
  if (before !== undefined && processBirth(before.pid) === before.born) {
    world.stderr.write(`mcpshield: it runs already, from ${printable(before.folder)}\n`)
    return untilReady(world, before, undefined, options)
  }
  const clone = cloneAt(folder)
  const log = join(upFolder(world), 'product.log')
  const child = startIn(world, clone, log)
  const born = child.pid === undefined ? undefined : processBirth(child.pid)
  if (child.pid === undefined || born === undefined)
    throw new CommandError(`${START} of ${clone} could not be started: see ${log}`, NEGATIVE)
  const record = { pid: child.pid, born, folder: clone, log, ready: null }
  await writeUpRecord(world, record)
  world.stderr.write(`mcpshield: starting ${clone}; its log is ${log}\n`)
  return untilReady(world, record, child, options)
}

/** The clone that is named, that this folder is in, or that this command came with. */
function cloneAt(given: string | undefined): string {
  const found =
    given === undefined
      ? (cloneAround(process.cwd()) ?? cloneAround(import.meta.dirname))
      : cloneOf(resolve(given))
  if (found === undefined)
    throw new CommandError(
      `${given ?? process.cwd()} is not in a clone of the repository, which is what up starts: give the folder of one`,
    )
  if (!existsSync(join(found, 'node_modules')))
    throw new CommandError(`nothing is installed in ${found}: run npm install there`)
  return found
}

function cloneAround(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const found = cloneOf(at)
    if (found !== undefined || dirname(at) === at) return found
  }
}

function cloneOf(folder: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }
    return name === 'mcpshield' && existsSync(join(folder, START)) ? folder : undefined
  } catch {
    return undefined
  }
}

function startIn(world: World, folder: string, log: string): ChildProcess {
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 })
  // The demo's password and key are in it.
  const file = openSync(log, 'w', 0o600)
  try {
    const child = spawn(process.execPath, [START], {
      cwd: folder,
      env: world.environment.forProduct,
      // A group of its own: what ends this command's terminal does not end it.
      detached: true,
      stdio: ['ignore', file, file],
    })
    child.on('error', () => undefined)
    child.unref()
    return child
  } finally {
    closeSync(file)
  }
}

async function untilReady(
  world: World,
  record: UpRecord,
  child: ChildProcess | undefined,
  { wait, json }: UpOptions,
): Promise<number> {
  for (
    const untilMs = performance.now() + wait * 1_000;
    performance.now() < untilMs;
    await sleep(LOOK_AGAIN_MS)
  ) {
    const said = readySaid(await readFile(record.log, 'utf8').catch(() => ''))
    if (said !== undefined) {
      await writeUpRecord(world, { ...record, ready: said.ready })
      await write(world.stdout, json ? jsonText(said.whole) : readyText(said.ready, said.whole, record.log))
      return DONE
    }
    if ((child?.exitCode ?? null) !== null || processBirth(record.pid) !== record.born)
      return tellEnd(world, record)
  }
  throw new CommandError(
    `it is not up after ${wait} s: look at ${record.log}, wait by mcpshield up, or stop it by mcpshield down`,
    NEGATIVE,
  )
}

function readySaid(log: string): { ready: Ready; whole: unknown } | undefined {
  const [, text] = /^ready (\{.*\})$/m.exec(log) ?? []
  if (text === undefined) return undefined
  try {
    const whole = JSON.parse(text) as unknown
    const ready = readyOf(whole)
    return ready === null ? undefined : { ready, whole }
  } catch {
    return undefined
  }
}

function readyText({ api, web, mcp }: Ready, whole: unknown, log: string): string {
  const email = member(member(whole, 'demo'), 'email')
  const rows = [
    ['API', api],
    ['dashboard', web],
    ['MCP', mcp],
  ].flatMap(([name, url]) => (url === undefined ? [] : [`${name?.padEnd(10)}${printable(url)}\n`]))
  const demo =
    typeof email === 'string' ? `The demo’s account is ${printable(email)}; its password is in ${log}.\n` : ''
  return `${rows.join('')}${demo}Stop it by mcpshield down.\n`
}

async function tellEnd(world: World, { log }: UpRecord): Promise<number> {
  await removeUpRecord(world)
  const lines = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-SHOWN_LINES)
  world.stderr.write(lines.map((line) => `${printable(line)}\n`).join(''))
  throw new CommandError(`it ended before it was up: the end of ${log} is above`, NEGATIVE)
}
