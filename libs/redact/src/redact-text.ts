// Redacts a text: what detectors and patterns find is replaced by a marker, by a keyed hash, or by nothing.
import { findSecrets } from './find.ts'
import type { Finding } from './finding.ts'
import { isInMarker, markerFor } from './marker.ts'
import type { KeyedHash, ReplaceWith } from './marker.ts'
import { compileRedactions, moreThorough } from './redactions.ts'
import type { CompiledRedactions, Redaction } from './redactions.ts'

export type RedactedText = { text: string; findings: readonly Finding[] }

/** A finding, and how it is to be replaced. */
export type Replacement = Finding & { with: ReplaceWith }

/** Replacing can put two harmless halves side by side; a few rounds are enough for what is not built on purpose. */
const MAX_ROUNDS = 4
const NONE: readonly Finding[] = []

/** Redacts what the detectors and patterns of `redactions` find. The findings' offsets are those of the input. */
export function redactText(
  text: string,
  redactions: readonly Redaction[],
  keyedHash: KeyedHash,
): RedactedText {
  if (redactions.length === 0) return { text, findings: NONE }
  const rules = compileRedactions(redactions)
  const found = findReplacements(text, rules)
  if (found.length === 0) return { text, findings: NONE }
  let redacted = replaceAll(text, found, keyedHash)
  for (let round = 1; round < MAX_ROUNDS; round++) {
    const rest = findReplacements(redacted, rules)
    if (rest.length === 0) break
    // Dropping again could join halves again: what shows up now is masked.
    redacted = replaceAll(
      redacted,
      rest.map((one) => ({ ...one, with: 'mask' as const })),
      keyedHash,
    )
  }
  return { text: redacted, findings: found.map(({ type, start, end }) => ({ type, start, end })) }
}

/** What the rules find in a text: in order, without overlaps. */
export function findReplacements(text: string, rules: CompiledRedactions): Replacement[] {
  if (!rules.hasTextRules) return []
  const found: Replacement[] =
    rules.detectors.length === 0
      ? []
      : findSecrets(text, rules.detectors).map((one) => ({
          ...one,
          with: rules.replaceWith.get(one.type) ?? 'mask',
        }))
  for (const { pattern, with: how } of rules.patterns) {
    const matcher = pattern.matcher(text)
    while (matcher.find()) {
      const [start, end] = [matcher.start(), matcher.end()]
      if (end > start && !isInMarker(text, start, end)) found.push({ type: 'pattern', start, end, with: how })
    }
  }
  return rules.patterns.length === 0 ? found : merge(found)
}

/** Overlapping findings become one, replaced in the most thorough of their ways. */
function merge(found: Replacement[]): Replacement[] {
  found.sort((a, b) => a.start - b.start || b.end - a.end)
  const merged: Replacement[] = []
  for (const next of found) {
    const last = merged.at(-1)
    if (last === undefined || next.start >= last.end) merged.push({ ...next })
    else {
      last.end = Math.max(last.end, next.end)
      last.with = moreThorough(last.with, next.with)
    }
  }
  return merged
}

/** Puts markers in the place of findings. */
export function replaceAll(text: string, found: readonly Replacement[], keyedHash: KeyedHash): string {
  const parts: string[] = []
  let from = 0
  for (const { type, start, end, with: how } of found) {
    parts.push(text.slice(from, start), markerFor(type, text.slice(start, end), how, keyedHash))
    from = end
  }
  parts.push(text.slice(from))
  return parts.join('')
}
