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

/** Writes and waits until there is room for more. */
export async function write(stream: Writable, text: string): Promise<void> {
  if (stream.write(text) || stream.destroyed) return
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done).off('error', done)
      resolve()
    }
    stream.on('drain', done).on('close', done).on('error', done)
  })
}
