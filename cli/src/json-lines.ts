// The frame of every command that reads JSON Lines: one line of output for each line of input, in order, whatever
// the line holds.
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { parseStrictJson, type JsonLimits } from '@mcpshield/facts/json'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { MAX_LINE_BYTES, readLines, type Line } from './lines.ts'
import { CommandError, write, type World } from './world.ts'

/** Answers one line; what it throws as a `LineError` is that line's error. */
export type AnswerLine = (line: JsonObject) => object

/** What is wrong with one line. */
export class LineError extends Error {}

const LIMITS: JsonLimits = { maxLength: MAX_LINE_BYTES, maxDepth: 64 }
const FLUSH_UNITS = 64 * 1024

/** Reads the file, or standard input where none is named, and answers every line of it. */
export async function answerLines(world: World, file: string | undefined, answer: AnswerLine): Promise<void> {
  let isFirst = true
  let output = ''
  for await (const lines of readLines(input(world, file))) {
    for (const line of lines) {
      output += `${answerLine(line, isFirst, answer)}\n`
      isFirst = false
      // One chunk of input may ask for much more output than it is long.
      if (output.length >= FLUSH_UNITS) {
        await write(world.stdout, output)
        output = ''
      }
    }
    if (output !== '') await write(world.stdout, output)
    output = ''
  }
}

/** The bytes of a file, or of standard input for none and for `-`. */
export async function* input(world: World, file: string | undefined): AsyncGenerator<Buffer> {
  const isStandard = file === undefined || file === '-'
  if (isStandard && world.stdin.isTTY) {
    world.stderr.write('mcpshield: reading from standard input; Ctrl-D ends it\n')
  }
  try {
    yield* (isStandard ? world.stdin : createReadStream(file)) as AsyncIterable<Buffer>
  } catch (error) {
    throw new CommandError(`${file ?? 'standard input'} cannot be read: ${(error as Error).message}`)
  }
}

function answerLine(line: Line, isFirst: boolean, answer: AnswerLine): string {
  const read = readLine(line, isFirst)
  if ('error' in read) return JSON.stringify({ id: read.id, error: read.error })
  const id = read.value['id'] ?? null
  try {
    return JSON.stringify({ id, ...answer(read.value) })
  } catch (error) {
    if (error instanceof LineError) return JSON.stringify({ id, error: error.message })
    // A fault of ours costs the line that met it, not those that follow.
    return JSON.stringify({ id, error: `the line could not be answered: ${(error as Error).message}` })
  }
}

type Read = { value: JsonObject } | { id: JsonValue; error: string }

function readLine(line: Line, isFirst: boolean): Read {
  if ('tooLong' in line) {
    return { id: firstMember(line.tooLong), error: `the line is longer than ${MAX_LINE_BYTES} bytes` }
  }
  const { bytes } = line
  let text = bytes.toString('utf8')
  if (!isUtf8(bytes)) return { id: idOf(text), error: 'the line is not UTF-8' }
  if (isFirst && text.startsWith('\ufeff')) text = text.slice(1)
  if (text.trim() === '') return { id: null, error: 'the line is empty' }
  const parsed = parseStrictJson(text, LIMITS)
  if ('error' in parsed) return { id: idOf(text), error: refusal(parsed.error, parsed.position) }
  if (!isObject(parsed.value)) return { id: null, error: 'the line is not an object' }
  return { value: parsed.value }
}

/** The parser speaks of messages; here they are lines. */
function refusal(error: string, position: number): string {
  return `${error.replace(/^the message/, 'the line')} (at character ${position + 1})`
}

/** The id of a line that is refused, as far as an ordinary reader can tell it. */
function idOf(text: string): JsonValue {
  try {
    const value = JSON.parse(text) as JsonValue
    const id = isObject(value) && Object.hasOwn(value, 'id') ? value['id'] : null
    return typeof id === 'string' || typeof id === 'number' ? id : null
  } catch {
    return firstMember(Buffer.from(text.slice(0, 1_024)))
  }
}

/** The id where it is the first member, of a line that cannot be read as a whole. */
function firstMember(head: Buffer): JsonValue {
  const found = /^\ufeff?\s*\{\s*"id"\s*:\s*("(?:[^"\\]|\\.){0,200}"|-?\d{1,15})\s*,/.exec(
    head.toString('utf8'),
  )
  try {
    return found?.[1] === undefined ? null : (JSON.parse(found[1]) as JsonValue)
  } catch {
    return null
  }
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
