// Redacts a text that arrives in chunks. A bounded window is held back, so that no border between chunks hides a
// secret; what was let go stays visible as context, since labels stand before what they name.
import type { KeyedHash } from './marker.ts'
import { markerFor } from './marker.ts'
import { findReplacements, replaceAll } from './redact-text.ts'
import type { Replacement } from './redact-text.ts'
import { compileRedactions } from './redactions.ts'
import type { Redaction } from './redactions.ts'

/** Longer than any value, token or URL a detector reads; private keys are held until they end. */
const WINDOW = 20_000
const CONTEXT = 512
/** A finding longer than this many windows is masked before its end is seen, and the rest of its run swallowed. */
const MAX_HELD_WINDOWS = 4

export type RedactionStream = {
  /** Takes a chunk; returns what can be let go. */
  push(chunk: string): string
  /** Returns the rest. */
  end(): string
  /** How many findings were replaced so far. */
  readonly count: number
}

/** A redactor of chunked text. Field rules need a whole document: with one of them this throws. */
export function createRedactionStream(
  redactions: readonly Redaction[],
  keyedHash: KeyedHash,
  windowChars = WINDOW,
): RedactionStream {
  const rules = compileRedactions(redactions)
  if (rules.fields.length > 0)
    throw new Error('Fields cannot be redacted in a stream: a whole document is needed.')
  let context = ''
  let held = ''
  let count = 0
  let swallowing = false

  const release = (until: number, found: readonly Replacement[]): string => {
    const ready = found.filter(({ start }) => start < until)
    const text = replaceAll(held.slice(0, until), ready, keyedHash)
    count += ready.length
    context = (context + held.slice(0, until)).slice(-CONTEXT)
    held = held.slice(until)
    return text
  }

  const find = (): Replacement[] =>
    findReplacements(context + held, rules).flatMap(({ start, end, ...rest }) =>
      end <= context.length
        ? []
        : [{ ...rest, start: Math.max(0, start - context.length), end: end - context.length }],
    )

  return {
    push(chunk) {
      if (!rules.hasTextRules) return chunk
      held += chunk
      if (swallowing) swallowing = swallow()
      if (held.length < 2 * windowChars) return ''
      const found = find()
      let until = held.length - windowChars
      for (const { start, end } of found) if (start < until && end > until) until = start
      if (until > 0 || held.length < MAX_HELD_WINDOWS * windowChars) return release(until, found)
      const [endless] = found
      count++
      swallowing = endless!.end === held.length
      const marker = markerFor(endless!.type, held.slice(0, endless!.end), endless!.with, keyedHash)
      context = (context + held.slice(0, endless!.end)).slice(-CONTEXT)
      held = held.slice(endless!.end)
      return marker
    },
    end() {
      if (swallowing) swallow()
      return release(held.length, find())
    },
    get count() {
      return count
    },
  }

  function swallow(): boolean {
    const stop = held.search(/[\s"'<>]/)
    held = stop === -1 ? '' : held.slice(stop)
    return stop === -1
  }
}
