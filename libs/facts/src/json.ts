import type { JsonValue } from '@mcpshield/policy/facts'

export type JsonLimits = { maxLength: number; maxDepth: number }

/** What a request may be unless a caller says otherwise. */
export const defaultJsonLimits: JsonLimits = { maxLength: 1_048_576, maxDepth: 64 }

/** Why a text is refused, with the UTF-16 offset where that shows. */
export type JsonRefusal = { error: string; position: number }

/**
 * Parses JSON as the one reading every program agrees on. Refused: a repeated key at any depth (however it is
 * escaped), nesting deeper than the limit, and numbers that would come out as other numbers.
 */
export function parseStrictJson(
  text: string,
  limits = defaultJsonLimits,
): { value: JsonValue } | JsonRefusal {
  if (text.length > limits.maxLength)
    return { error: 'the message is larger than allowed', position: limits.maxLength }
  // First what no parse is needed for: a text nested too deeply must not reach a parser at all.
  const scan = scanText(text, limits.maxDepth)
  if ('error' in scan) return scan
  let value: JsonValue
  try {
    value = JSON.parse(text) as JsonValue
  } catch (error) {
    return { error: 'the message is not JSON', position: positionOf(error, text) }
  }
  // The parser keeps one of two equal keys, so fewer keys than colons means that one was repeated.
  if (countKeys(value) !== scan.keys) return repeatedKey(text)
  return { value }
}

const quote = 0x22
const backslash = 0x5c

/** Counts the keys of a text and checks its depth and its numbers. It need not be JSON: the parser checks that. */
function scanText(text: string, maxDepth: number): { keys: number } | JsonRefusal {
  let keys = 0
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === quote) {
      i = endOfString(text, i)
    } else if (code === 0x3a) {
      keys++
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) return { error: `the message is nested deeper than ${maxDepth}`, position: i }
    } else if (code === 0x7d || code === 0x5d) {
      depth--
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const start = i
      while (i + 1 < text.length && isNumberPart(text.charCodeAt(i + 1))) i++
      // Fifteen digits and a sign are always exact; only what is longer, or has an exponent, is looked at.
      if (i - start >= 3 && !isExact(text, start, i + 1)) {
        return { error: 'a number is too large to be kept as it is', position: start }
      }
    }
  }
  return { keys }
}

/** The offset of the closing quote; the end of the text where there is none. */
function endOfString(text: string, start: number): number {
  let end = start
  for (;;) {
    end = text.indexOf('"', end + 1)
    if (end < 0) return text.length
    let before = end - 1
    while (text.charCodeAt(before) === backslash) before--
    if ((end - before) % 2 === 1) return end
  }
}

function isNumberPart(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2e ||
    code === 0x2b ||
    code === 0x2d ||
    (code | 0x20) === 0x65
  )
}

/** An integer must be written again as it came, or at least be equal; any other number must be finite. */
function isExact(text: string, start: number, end: number): boolean {
  const token = text.slice(start, end)
  const value = Number(token)
  if (!/^-?\d+$/.test(token)) return Number.isFinite(value) || Number.isNaN(value)
  return (
    end - start <= 15 ||
    String(value) === token ||
    BigInt(token) === BigInt(Number.isFinite(value) ? value : 0)
  )
}

function countKeys(value: JsonValue): number {
  if (value === null || typeof value !== 'object') return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const member of value) count += countKeys(member)
    return count
  }
  for (const key of Object.keys(value)) count += 1 + countKeys(value[key] as JsonValue)
  return count
}

/** Finds the first repeated key of a text that is known to be JSON and to have one. */
function repeatedKey(text: string): JsonRefusal {
  const open: (Set<string> | null)[] = []
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x7b) open.push(new Set())
    else if (code === 0x5b) open.push(null)
    else if (code === 0x7d || code === 0x5d) open.pop()
    if (code !== quote) continue
    const start = i
    i = endOfString(text, i)
    const keys = open.at(-1)
    if (!keys || !/^\s*:/.test(text.slice(i + 1, i + 1 + 1_024))) continue
    const key = JSON.parse(text.slice(start, i + 1)) as string
    if (keys.has(key)) return { error: `the key ${JSON.stringify(key)} is repeated`, position: start }
    keys.add(key)
  }
  return { error: 'a key is repeated', position: 0 }
}

function positionOf(error: unknown, text: string): number {
  const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1]
  return position === undefined ? text.length : Number(position)
}
