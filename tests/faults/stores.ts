// Stores that are full, by their own limits or by the size that the system lets their files have. No privilege is needed for
// what is one's own.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connectBus } from '@mcpshield/bus/connect'
import { flow } from '@mcpshield/contracts/flow'
import { streams } from '@mcpshield/contracts/streams'
import { ask } from '@mcpshield/infra/dev/server-probe.ts'
import { silent } from '@mcpshield/testkit/bus'
import { askClickhouse } from './record.ts'
import type { FaultWorld } from './world.ts'

/** The stream of records has room for so much more, beyond what it holds. Undone when it has room again. */
export async function boundAuditStream({ product: { stack } }: FaultWorld, roomBytes: number): Promise<void> {
  await using bus = await asProvisioner(stack)
  const info = await api<StreamInfo>(bus, 'STREAM.INFO.AUDIT', {})
  const max_bytes = roomBytes === Infinity ? streams.AUDIT.maxBytes : info.state.bytes + roomBytes
  await api(bus, 'STREAM.UPDATE.AUDIT', { ...info.config, max_bytes })
}

/** Throws when the stream of records has more room left than a record or two need. */
export async function requireFullAuditStream({ product: { stack } }: FaultWorld): Promise<void> {
  await using bus = await asProvisioner(stack)
  const { config, state } = await api<StreamInfo>(bus, 'STREAM.INFO.AUDIT', {})
  if (config.max_bytes - state.bytes > 2_048) throw new Error('the stream of records is not full')
}

type StreamInfo = { config: { max_bytes: number }; state: { bytes: number } }

async function asProvisioner(stack: FaultWorld['product']['stack']): Promise<Connected> {
  const creds = readFileSync(stack.credsFile('provision'), 'utf8')
  const at = { url: stack.backing.natsUrl, creds, name: 'provision', log: silent }
  // Its credentials alone say what it may do.
  return connectBus(at, flow.operator)
}

type Connected = Awaited<ReturnType<typeof connectBus<typeof flow.operator>>>

async function api<T>(bus: Connected, name: string, body: object): Promise<T> {
  const reply = await bus.connection.request(`$JS.API.${name}`, JSON.stringify(body), { timeout: 10_000 })
  const answer = reply.json<T & { error?: { description: string } }>()
  if (answer.error !== undefined) throw new Error(`${name}: ${answer.error.description}`)
  return answer
}

/** Redis may hold so much; 0 is without a bound. */
export async function boundRedis({ product: { stack } }: FaultWorld, maxBytes: number): Promise<void> {
  const { port, password } = new URL(stack.backing.redisUrl)
  const commands = `AUTH ${decodeURIComponent(password)}\r\nCONFIG SET maxmemory ${maxBytes}\r\n`
  const answer = await ask(Number(port), commands, (text) => /\+OK\r\n(\+OK|-)/.test(text))
  if (!/\+OK\r\n\+OK/.test(answer)) throw new Error(`Redis answered ${answer.trim()}`)
}

/** Throws when Redis takes something in all the same. */
export async function requireFullRedis({ product: { stack } }: FaultWorld): Promise<void> {
  const { port, password } = new URL(stack.backing.redisUrl)
  const commands = `AUTH ${decodeURIComponent(password)}\r\nSET faults:probe 1 PX 1\r\n`
  const answer = await ask(Number(port), commands, (text) => /\+OK\r\n(\+OK|-)/.test(text))
  if (!answer.includes('-OOM')) throw new Error('Redis is not full')
}

/** As with a full disk: inserts are refused because there is too little room. */
export async function boundClickhouse({ product: { stack } }: FaultWorld, isFull: boolean): Promise<void> {
  const change = isFull ? `MODIFY SETTING ${ROOM} = ${2 ** 60}` : `RESET SETTING ${ROOM}`
  for (const table of ['audit_records', 'audit_results', 'usage_events'])
    await askClickhouse(stack.backing.clickhouseUrl, `ALTER TABLE mcpshield.${table} ${change}`)
}

/** Throws when ClickHouse takes something in all the same. */
export async function requireFullClickhouse({ product: { stack } }: FaultWorld): Promise<void> {
  const insert = 'INSERT INTO mcpshield.usage_events SELECT * FROM mcpshield.usage_events LIMIT 1'
  const refused = await askClickhouse(stack.backing.clickhouseUrl, insert).then(
    () => false,
    () => true,
  )
  if (!refused) throw new Error('ClickHouse is not full')
}

const ROOM = 'min_free_disk_bytes_to_perform_insert'

/** Why the size of a process's files cannot be bounded here; undefined where it can. */
export function whyNoFileLimits(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux bounds the files of a process that runs'
  return spawnSync('prlimit', ['--version']).status === 0
    ? undefined
    : 'prlimit (util-linux) is not installed'
}

/** A process and those that it started may write no file beyond this size. Ones that are gone meanwhile are left alone. */
export function boundFiles(pid: number, maxBytes: number): void {
  const soft = maxBytes === Infinity ? 'unlimited' : String(maxBytes)
  for (const each of [pid, ...childrenOf(pid)])
    spawnSync('prlimit', ['--pid', String(each), `--fsize=${soft}:`], accountOf(each))
}

/** Even root may need a privilege for the processes of others, where nobody needs one for their own. */
function accountOf(pid: number): { uid?: number; gid?: number } {
  const status = readStatus(pid)
  const idOf = (name: string) => new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]
  const [uid, gid] = [idOf('Uid'), idOf('Gid')]
  if (process.getuid?.() !== 0 || uid === undefined || gid === undefined || uid === '0') return {}
  return { uid: Number(uid), gid: Number(gid) }
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}

function childrenOf(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)] as const)
  return parents.filter(([, parent]) => parent === pid).map(([child]) => child)
}

function parentOf(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1])
  } catch {
    return 0
  }
}
