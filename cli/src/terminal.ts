// Questions to the person at the terminal.
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { CommandError, type World } from './world.ts'

const MAX_SECRET_BYTES = 4_096

/** What is typed, which the terminal does not show; undefined where there is no person to ask. */
export async function askHidden({ stdin, stderr }: World, question: string): Promise<string | undefined> {
  if (stdin.isTTY !== true) return undefined
  stderr.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: stdin, output: nowhere, terminal: true })
  // Ctrl-C, and Ctrl-D, which ends the input.
  const left = new Promise<undefined>((resolve) => {
    reader.once('SIGINT', () => reader.close())
    reader.once('close', () => resolve(undefined))
  })
  try {
    const typed = await Promise.race([reader.question(''), left])
    if (typed === undefined) throw new CommandError('nothing was entered')
    return typed
  } finally {
    reader.close()
    stderr.write('\n')
  }
}

/** Whether the person says yes; undefined where there is no person to ask. */
export async function askYes({ stdin, stderr }: World, question: string): Promise<boolean | undefined> {
  if (stdin.isTTY !== true) return undefined
  const reader = createInterface({ input: stdin, output: stderr, terminal: true })
  const left = new Promise<string>((resolve) => reader.once('close', () => resolve('')))
  try {
    const answer = await Promise.race([reader.question(question), left])
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    reader.close()
  }
}

/** All of standard input, without the line end that `echo` puts there. */
export async function secretFromInput({ stdin }: World): Promise<string> {
  const given = (await text(stdin)).replace(/\r?\n$/, '')
  if (given === '' || Buffer.byteLength(given) > MAX_SECRET_BYTES)
    throw new CommandError('standard input has to be the password, and nothing else')
  return given
}
