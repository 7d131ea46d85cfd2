// Limits and redactions that contradict each other, or do nothing.
import { durationMs } from './durations.ts'
import type { RedactEntry } from './limits-schema.ts'
import { readPattern } from './patterns.ts'
import { TRUE } from './kleene.ts'
import { warning } from './problem.ts'
import type { Problem } from './problem.ts'
import type { Rule } from './schema.ts'
import type { JsonPath } from './yaml-document.ts'

export function limitWarnings({ limits = {}, redact = [] }: Rule, path: JsonPath): Problem[] {
  const problems: Problem[] = []
  const { rate_limit: rate, timeout, max_rows, max_bytes } = limits
  if (max_rows !== undefined && max_bytes !== undefined && max_rows > max_bytes) {
    const message = 'max_rows has no effect: a row has at least one byte, and max_bytes is smaller.'
    problems.push(
      warning(
        [...path, 'limits', 'max_rows'],
        'contradicting_limits',
        message,
        'remove max_rows, or raise max_bytes',
      ),
    )
  }
  if (rate?.by === 'agent') {
    const message = 'A client that calls itself by another name gets a new window.'
    problems.push(warning([...path, 'limits', 'rate_limit', 'by'], 'agent_counts', message, 'count by key'))
  }
  const perMs = rate === undefined ? undefined : durationMs(rate.per)
  const timeoutMs = timeout === undefined ? undefined : durationMs(timeout)
  if (perMs !== undefined && timeoutMs !== undefined && rate?.calls === 1 && timeoutMs > perMs) {
    const message = 'A call may run longer than the window it is counted in.'
    const fix = `write at most ${rate.per}`
    problems.push(warning([...path, 'limits', 'timeout'], 'contradicting_limits', message, fix))
  }
  return [...problems, ...redactionWarnings(redact, [...path, 'redact'])]
}

function redactionWarnings(redact: readonly RedactEntry[], path: JsonPath): Problem[] {
  const seen = new Map<string, string>()
  return redact.flatMap((entry, i) => {
    const problems: Problem[] = []
    if (typeof entry !== 'string' && 'pattern' in entry && matchesNothing(entry.pattern)) {
      const message = 'The pattern also matches no text at all: it says nothing about where something begins.'
      const fix = 'write + where it says *, or a least count'
      problems.push(warning([...path, i, 'pattern'], 'pattern_matches_empty', message, fix))
    }
    for (const { what, how } of redacted(entry)) {
      if (seen.has(what) && seen.get(what) !== how) {
        const message = `\`${what.slice(0, 100)}\` is redacted in two ways.`
        problems.push(warning([...path, i], 'contradicting_redactions', message, 'keep one of them'))
      }
      seen.set(what, how)
    }
    return problems
  })
}

function matchesNothing(pattern: string): boolean {
  const read = readPattern(pattern)
  return read.problem === undefined && read.test('') === TRUE
}

function redacted(entry: RedactEntry): { what: string; how: string }[] {
  if (typeof entry === 'string') return [{ what: entry, how: 'mask' }]
  if ('on' in entry) return []
  const how = entry.with ?? 'mask'
  if ('fields' in entry) return entry.fields.map((what) => ({ what, how }))
  return [{ what: 'detector' in entry ? entry.detector : entry.pattern, how }]
}
