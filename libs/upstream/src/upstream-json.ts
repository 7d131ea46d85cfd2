// What upstreams answer, read so that it can be written again unchanged.
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { refusedBatch } from '@mcpshield/mcp/batches'
import { isObject } from '@mcpshield/mcp/messages'

/** A number, where one can stand, of more digits than a JavaScript number may hold, or with an exponent. */
const MAY_BE_ROUNDED = /[:,[\s]-?(?:[\d.]{16}|\d[\d.]*[eE])/

/** Each takes far more time and memory than its text, and stops everything else meanwhile. */
const MAX_VALUES = 500_000

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown
// In the language since ES2026; TypeScript does not know it yet.
const json = JSON as unknown as {
  parse(text: string, reviver: Reviver): JsonValue
  rawJSON(text: string): unknown
}

/** The value of a JSON text, or undefined when it is none or too much. Numbers that would be rounded stay as written. */
export function parseUpstreamJson(text: string): JsonValue | undefined {
  if (hasTooManyValues(text)) return undefined
  try {
    return MAY_BE_ROUNDED.test(text) ? json.parse(text, keepNumber) : (JSON.parse(text) as JsonValue)
  } catch {
    return undefined
  }
}

/** The message of a JSON text, or undefined when it is no object. */
export function parseMessage(text: string): JsonObject | undefined {
  const value = parseUpstreamJson(text)
  return isObject(value) ? value : undefined
}

export type Said = {
  messages: JsonObject[]
  /** To be answered to what was asked in a way that is not accepted. */
  replies: JsonObject[]
}

/** What a text of an upstream's says: one message, or none; a batch is refused, and whoever waits for it learns of it. */
export function saidIn(text: string): Said {
  const value = parseUpstreamJson(text)
  if (!Array.isArray(value)) return { messages: isObject(value) ? [value] : [], replies: [] }
  const { answers, replies } = refusedBatch(value, 'The upstream')
  return { messages: answers, replies }
}

const keepNumber: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && source !== undefined && String(value) !== source ? json.rawJSON(source) : value

/** Told before anything is made of the text: each value but the first comes after one of these. */
function hasTooManyValues(text: string): boolean {
  if (text.length <= MAX_VALUES) return false
  let values = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text[at]
    if (unit === '"') at = endOfText(text, at)
    else if ((unit === ',' || unit === '[' || unit === '{') && ++values > MAX_VALUES) return true
  }
  return false
}

/** Where the text that begins there has its last quote. */
function endOfText(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at
}
