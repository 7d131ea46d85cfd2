// What a command may touch: handed to it by main.ts, so that nothing else looks for it.
import type { Readable, Writable } from 'node:stream'
import type { Environment } from './config.ts'

export type World = {
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean; columns?: number }
  stderr: Writable & { isTTY?: boolean }
  environment: Environment
}

/** Exit codes, the same for every command. */
export const DONE = 0
export const NEGATIVE = 1
export const USAGE = 2
export const SERVER = 3

/** Ends the command with a message on standard error. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = USAGE) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Whoever reads the output has stopped (`| head`): that is no fault of anyone. */
export class OutputClosed extends Error {}

/** Writes and waits until there is room for more. Throws when nothing can be written any longer. */
export async function write(stream: Writable, text: string): Promise<void> {
  refuseClosed(stream)
  if (stream.write(text)) return
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done).off('error', done)
      resolve()
    }
    stream.on('drain', done).on('close', done).on('error', done)
  })
}

/** Throws when what was written last did not arrive. */
export async function written(stream: Writable): Promise<void> {
  // A stream tells of its faults a turn later.
  await new Promise((resolve) => setImmediate(resolve))
  refuseClosed(stream)
}

// Not every kind of stream remembers its fault.
const faults = new WeakMap<Writable, NodeJS.ErrnoException>()

/** To be called once for an output, so that whoever writes to it learns what went wrong. */
export function watch(stream: Writable): void {
  stream.on('error', (fault) => faults.set(stream, fault))
}

function refuseClosed(stream: Writable): void {
  const fault = faults.get(stream)
  if (fault !== undefined && fault.code !== 'EPIPE')
    throw new CommandError(`the output cannot be written: ${fault.message}`)
  if (stream.destroyed || fault !== undefined) throw new OutputClosed()
}
