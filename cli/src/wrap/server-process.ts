// The server that is wrapped: started without a shell, ended with us.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { CommandError } from '../world.ts'

export type ServerProcess = {
  input: Writable
  output: Readable
  /** The exit code to pass on, as a shell would give it. */
  ended: Promise<number>
  hasEnded(): boolean
  end(signal: NodeJS.Signals): void
}

/** Shorter than what clients grant us between the same two signals. */
const GRACE_MS = 1_500
/** How long after its end its output may still be read. */
const LAST_WORDS_MS = 1_000
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

/** Starts the command; its standard error is ours. */
export async function startServer(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const [command = '', ...args] = argv
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env, shell: false })
  try {
    await once(child, 'spawn')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new CommandError(
      `${command} cannot be started: ${message}`,
      code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE,
    )
  }
  const { stdin: input, stdout: output } = child
  input.on('error', () => undefined) // That it is gone, its end tells.
  child.on('error', () => undefined)
  const ended = new Promise<number>((resolve) =>
    // Its last words come before the end of its output, not before its own.
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL'])),
  )
  // What it started may hold its output open for ever.
  child.once('exit', () => setTimeout(() => output.destroy(), LAST_WORDS_MS))
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  return { input, output, ended, hasEnded, end: (signal) => endChild(child, signal) }
}

function endChild(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  child.once('exit', () => clearTimeout(timer))
}
