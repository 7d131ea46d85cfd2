// `--log FILE`: one JSON line for each decision, written before anything of the call goes on.
import { closeSync, openSync, writeSync } from 'node:fs'
import { CommandError } from '../world.ts'
import { recordOf, type Records } from './records.ts'

/** Opens the log, to be read by its owner only. */
export function decisionLog(file: string): Records & Disposable {
  let descriptor: number
  try {
    descriptor = openSync(file, 'a', 0o600)
  } catch (error) {
    throw new CommandError(`${file} cannot be written: ${(error as Error).message}`)
  }
  return {
    async record(call) {
      writeAll(descriptor, `${JSON.stringify(recordOf(call))}\n`)
    },
    finish: () => undefined,
    [Symbol.dispose]: () => closeSync(descriptor),
  }
}

/** Throws when not all of it is written. */
export function writeAll(descriptor: number, text: string): void {
  const line = Buffer.from(text)
  for (let from = 0; from < line.length;) from += writeSync(descriptor, line, from)
}
