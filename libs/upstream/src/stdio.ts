// An upstream as a child process speaking MCP on its standard input and output. A process that stops is
// started again by the next call, not more often than its back-off allows.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { AppError } from '@mcpshield/contracts/errors'
import { jsonLine } from '@mcpshield/facts/json-line'
import type { Log } from '@mcpshield/runtime/log'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { isObject, METHOD_NOT_FOUND, type RpcAnswer } from '../json-rpc.ts'
import { parseUpstreamJson } from './upstream-json.ts'
import { CLIENT_INFO, UPSTREAM_PROTOCOL, type SendOptions, type Upstream } from './upstream.ts'

export type StdioSpec = {
  slug: string
  command: string
  args: string[]
  env: Record<string, string>
  path: string
}

const START_TIMEOUT_MS = 30_000
const STOP_GRACE_MS = 2_000
const MAX_LINE_BYTES = 32 * 1024 * 1024
const NEWLINE = 0x0a
const MAX_BACKOFF_MS = 30_000

type Pending = { resolve: (answer: RpcAnswer) => void; reject: (error: Error) => void; timer: NodeJS.Timeout }

export function stdioUpstream(spec: StdioSpec, log: Log): Upstream {
  let running: Promise<Process> | undefined
  let failures = 0
  let notBefore = 0
  let disposed = false

  const ensure = async (): Promise<Process> => {
    if (disposed) throw new AppError('UNAVAILABLE', `The upstream ${spec.slug} was removed.`)
    if (running !== undefined) return running
    if (Date.now() < notBefore) {
      throw new AppError('UNAVAILABLE', `The upstream ${spec.slug} stopped and is started again in a moment.`)
    }
    const starting = startProcess(spec, log, () => (running = undefined))
    running = starting
    try {
      const started = await starting
      failures = 0
      return started
    } catch (error) {
      running = undefined
      notBefore = Date.now() + Math.min(MAX_BACKOFF_MS, 500 * 2 ** failures++)
      throw error
    }
  }

  return {
    slug: spec.slug,
    async send(method, params, options) {
      const started = await ensure()
      return started.send(method, params, options)
    },
    async [Symbol.asyncDispose]() {
      disposed = true
      const started = await running?.catch(() => undefined)
      await started?.stop()
    },
  }
}

type Process = {
  send(method: string, params: JsonObject, options: SendOptions): Promise<RpcAnswer>
  stop(): Promise<void>
}

/** Starts the process and shakes hands. The environment holds only what the project named, and PATH. */
async function startProcess(spec: StdioSpec, log: Log, onExit: () => void): Promise<Process> {
  const child = spawn(spec.command, spec.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: spec.path, ...spec.env },
    shell: false,
    detached: false,
  })
  const pending = new Map<number, Pending>()
  let nextId = 1
  let lastError = ''

  const write = (message: JsonObject) => child.stdin.write(`${jsonLine({ jsonrpc: '2.0', ...message })}\n`)
  const settle = (id: number, use: (entry: Pending) => void) => {
    const entry = pending.get(id)
    if (entry === undefined) return
    pending.delete(id)
    clearTimeout(entry.timer)
    use(entry)
  }
  const failAll = (why: string) => {
    for (const id of [...pending.keys()])
      settle(id, (entry) => entry.reject(new AppError('UNAVAILABLE', why)))
  }

  child.stdin.on('error', () => undefined) // The exit below tells the callers.
  child.stderr.on('data', (chunk: Buffer) => (lastError = (lastError + chunk.toString()).slice(-500)))
  child.on('error', (error) => {
    failAll(`The upstream ${spec.slug} cannot be started: ${error.message}.`)
    onExit()
  })
  child.on('exit', (code, signal) => {
    log.warn({ upstream: spec.slug, code, signal }, 'upstream process ended')
    failAll(`The upstream ${spec.slug} stopped (${signal ?? `exit code ${code}`}) before it answered.`)
    onExit()
  })
  readLines(child, (line) => receive(line, settle, write))

  const process: Process = {
    send(method, params, { timeoutMs, signal }) {
      return new Promise<RpcAnswer>((resolve, reject) => {
        const id = nextId++
        const giveUp = (error: Error, reason: string) =>
          settle(id, (entry) => {
            write({ method: 'notifications/cancelled', params: { requestId: id, reason } })
            entry.reject(error)
          })
        const late = () =>
          giveUp(
            new AppError(
              'DEADLINE_EXCEEDED',
              `The upstream ${spec.slug} did not answer within ${timeoutMs} ms.`,
            ),
            'timeout',
          )
        pending.set(id, { resolve, reject, timer: setTimeout(late, timeoutMs) })
        const gone = () => giveUp(new AppError('UNAVAILABLE', 'The client went away.'), 'client gone')
        if (child.exitCode !== null || child.signalCode !== null)
          failAll(`The upstream ${spec.slug} is not running.`)
        else write({ id, method, params })
        if (signal?.aborted) gone()
        else signal?.addEventListener('abort', gone, { once: true })
      })
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.stdin.end()
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS)
      await ended
      clearTimeout(timer)
    },
  }
  try {
    await shakeHands(process, write, spec.slug)
  } catch (error) {
    child.kill('SIGKILL')
    log.warn({ upstream: spec.slug, stderr: lastError }, 'upstream did not start')
    throw error
  }
  return process
}

async function shakeHands(
  process: Process,
  write: (message: JsonObject) => void,
  slug: string,
): Promise<void> {
  const hello = { protocolVersion: UPSTREAM_PROTOCOL, capabilities: {}, clientInfo: CLIENT_INFO }
  const answer = await process.send('initialize', hello, { timeoutMs: START_TIMEOUT_MS })
  if ('error' in answer)
    throw new AppError('UNAVAILABLE', `The upstream ${slug} refused to start: ${answer.error.message}`)
  write({ method: 'notifications/initialized' })
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
    const line = Buffer.concat(parts).toString()
    parts = []
    bytes = 0
    onLine(line)
  }
  child.stdout.on('data', (chunk: Buffer) => {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end))
      close()
      from = end + 1
    }
    add(chunk.subarray(from))
    if (bytes <= MAX_LINE_BYTES) return
    // An answer without end would fill the memory.
    child.stdout.destroy()
    child.kill('SIGKILL')
  })
  child.stdout.on('end', close)
}

/** Lines that are no answer to a question of ours are not acted on; questions to us are refused. */
function receive(
  line: string,
  settle: (id: number, use: (entry: Pending) => void) => void,
  write: (message: JsonObject) => void,
): void {
  const message = parseUpstreamJson(line)
  if (!isObject(message)) return
  if (typeof message.method === 'string') {
    if (message.id !== undefined) {
      if (message.method === 'ping') write({ id: message.id, result: {} })
      else
        write({ id: message.id, error: { code: METHOD_NOT_FOUND, message: 'Not supported by this client.' } })
    }
    return
  }
  if (typeof message.id !== 'number') return
  settle(message.id, (entry) => {
    if (isObject(message.result)) entry.resolve({ result: message.result })
    else if (isObject(message.error)) entry.resolve({ error: rpcError(message.error) })
    else entry.reject(new AppError('UNAVAILABLE', 'The upstream’s answer has neither a result nor an error.'))
  })
}

export function rpcError(error: JsonObject): { code: number; message: string; data?: JsonValue } {
  const { code, message, data } = error
  return {
    code: typeof code === 'number' ? code : -32603,
    message: typeof message === 'string' ? message : 'The upstream failed without saying why.',
    ...(data === undefined ? {} : { data }),
  }
}
