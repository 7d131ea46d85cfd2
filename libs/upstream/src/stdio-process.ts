// A server as a child process: exact argv and no shell, an environment of PATH, a mark and what the project named, a
// process group of its own so that what it starts ends with it. One message is one line.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { jsonLine } from '@mcpshield/facts/json-line'
import type { Log } from '@mcpshield/runtime/log'
import { openChannel, type Channel } from './channel.ts'
import { unavailable } from './failures.ts'
import { MARK, processFamily } from './process-family.ts'
import { saidIn } from './upstream-json.ts'
import type { UpstreamSpec } from './upstream.ts'

export type StdioSpec = Extract<UpstreamSpec, { transport: 'stdio' }>

export type Running = {
  channel: Channel
  /** Settles when the process is gone, whoever ended it. */
  ended: Promise<void>
  /** False when there never was such a process. */
  hasRun(): boolean
  isStopping(): boolean
  /** `why` completes the sentence `The upstream x …` for what is under way. */
  stop(why: string): Promise<void>
}

const NEWLINE = 0x0a
const MAX_LINE_BYTES = 32 * 1024 * 1024
/** Of input that the process does not read. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024
const MAX_STDERR_UNITS = 4_096
/** From the end of its input to SIGTERM, and from that to SIGKILL. */
const INPUT_GRACE_MS = 500
const TERM_GRACE_MS = 2_000
/** Output that is still in the pipe when the process is gone. */
const OUTPUT_GRACE_MS = 1_000

/** Throws an AppError when there cannot be such a process. */
export function startProcess(spec: StdioSpec, log: Log): Running {
  const { slug } = spec
  const family = processFamily()
  const child = spawned(spec, family.mark)
  const stderr = lastLines(child)
  let stopping = false
  const channel = openChannel(slug, (message) => {
    if (child.stdin.writableLength > MAX_UNREAD_BYTES) throw unavailable(slug, 'does not read its input')
    child.stdin.write(`${jsonLine(message)}\n`)
  })
  const ended = Promise.withResolvers<void>()
  const over = (what: string) => {
    channel.fail(unavailable(slug, what, new Error(`Its last lines on stderr: ${stderr()}`)))
    // What has left its group may hold its pipes, and would go on speaking in its name.
    for (const pipe of child.stdio) pipe?.destroy()
    ended.resolve()
  }
  child.stdin.on('error', () => undefined) // The end below tells.
  child.on('error', (error: NodeJS.ErrnoException) =>
    over(`cannot be started (${error.code ?? 'unknown error'})`),
  )
  child.on('exit', (code, signal) => {
    killGroup(child, 'SIGKILL')
    if (!stopping) void family.end()
    if (!stopping) log.warn({ upstream: slug, code, signal }, 'upstream process ended')
    const what = `stopped (${signal ?? `exit code ${code}`}) before it answered`
    const timer = setTimeout(() => over(what), OUTPUT_GRACE_MS)
    child.on('close', () => {
      clearTimeout(timer)
      over(what)
    })
  })
  readLines(child, (line) => {
    const { messages, replies } = saidIn(line)
    for (const message of messages) channel.receive(message)
    for (const reply of replies) channel.send(reply).catch(() => undefined)
  })
  return {
    channel,
    ended: ended.promise,
    hasRun: () => child.pid !== undefined,
    isStopping: () => stopping,
    async stop(why) {
      stopping = true
      channel.hear = () => undefined
      channel.fail(unavailable(slug, why))
      if (child.pid !== undefined && child.exitCode === null) await family.look(child.pid)
      await end(child, ended.promise)
      await family.end()
    },
  }
}

function spawned(spec: StdioSpec, mark: string): ChildProcessWithoutNullStreams {
  try {
    return spawn(spec.command, spec.args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: spec.path, ...spec.env, [MARK]: mark },
      shell: false,
      detached: true,
    })
  } catch (error) {
    throw unavailable(spec.slug, 'cannot be started', error)
  }
}

async function end(child: ChildProcessWithoutNullStreams, ended: Promise<void>): Promise<void> {
  child.stdin.end()
  const term = setTimeout(() => killGroup(child, 'SIGTERM'), INPUT_GRACE_MS)
  const kill = setTimeout(() => killGroup(child, 'SIGKILL'), INPUT_GRACE_MS + TERM_GRACE_MS)
  await ended
  clearTimeout(term)
  clearTimeout(kill)
}

function killGroup({ pid }: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // Nobody is left in it.
  }
}

function lastLines(child: ChildProcessWithoutNullStreams): () => string {
  let last = ''
  child.stderr.on('data', (chunk: Buffer) => (last = (last + chunk.toString()).slice(-MAX_STDERR_UNITS)))
  return () => last.trim()
}

/** Only LF ends a line: the other ends that readers of lines know may stand inside of a message. */
function readLines(child: ChildProcessWithoutNullStreams, onLine: (line: string) => void): void {
  let parts: Buffer[] = []
  let bytes = 0
  const add = (part: Buffer) => {
    parts.push(part)
    bytes += part.length
  }
  const close = () => {
    const line = parts.length === 1 ? parts[0] : Buffer.concat(parts)
    parts = []
    bytes = 0
    if (line !== undefined && line.length > 0) onLine(line.toString())
  }
  child.stdout.on('data', (chunk: Buffer) => {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end))
      close()
      from = end + 1
    }
    if (from < chunk.length) add(chunk.subarray(from))
    if (bytes <= MAX_LINE_BYTES) return
    // A line without end would fill the memory.
    child.stdout.destroy()
    killGroup(child, 'SIGKILL')
  })
  child.stdout.on('end', close)
}
