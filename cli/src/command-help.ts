// What the descriptions of commands share.
import { InvalidArgumentError } from 'commander'

/** Takes the exit code of a command once it is there. */
export type Finish = (code: Promise<number>) => Promise<void>

export function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.')
  return Number(text)
}

export function example(command: string, note?: string): string {
  return `\nExample:\n  ${command}\n${note === undefined ? '' : `\n${note}\n`}`
}
