// What is owed when a call goes through: rate limits add up, the tightest bound wins, redactions add up.
import { durationMs } from './durations.ts'
import { ruleId } from './schema.ts'
import type { Redaction } from './limits-schema.ts'
import type { Obligations, Rule } from './schema.ts'

export const ASK_TIMEOUT_MS = 5 * 60_000

export const NO_OBLIGATIONS: Obligations = Object.freeze({
  rate_limits: Object.freeze([]) as unknown as [],
  redact: Object.freeze([]) as unknown as [],
})

/** What one rule brings, or null when it brings nothing. */
export function obligationsOf(rule: Rule, id = ruleId(rule, 0)): Obligations | null {
  const { limits = {}, redact = [], decision } = rule
  const { rate_limit: rate, max_rows, max_bytes, timeout } = limits
  if (decision === 'deny') return null
  if (decision === 'allow' && Object.keys(limits).length === 0 && redact.length === 0) return null
  const owed: Obligations = {
    rate_limits:
      rate === undefined
        ? []
        : [{ rule: id, calls: rate.calls, per_ms: inMs(rate.per), by: rate.by ?? 'key' }],
    redact: [],
  }
  if (max_rows !== undefined) owed.max_rows = max_rows
  if (max_bytes !== undefined) owed.max_bytes = max_bytes
  if (timeout !== undefined) owed.timeout_ms = inMs(timeout)
  if (decision === 'ask')
    owed.ask_timeout_ms = rule.timeout === undefined ? ASK_TIMEOUT_MS : inMs(rule.timeout)
  for (const entry of redact) {
    if (typeof entry === 'string') owed.redact.push({ detector: entry })
    else if ('on' in entry) (owed.deny_arguments ??= []).push({ rule: id, detector: entry.detector })
    else owed.redact.push(entry)
  }
  return owed
}

function inMs(duration: string): number {
  const ms = durationMs(duration)
  if (ms === undefined) throw new Error(`${duration} is not a duration.`)
  return ms
}

/** All of it together. */
export function addUp(all: readonly Obligations[]): Obligations {
  const sum: Obligations = { rate_limits: [], redact: [] }
  for (const owed of all) {
    sum.rate_limits.push(...owed.rate_limits)
    for (const redaction of owed.redact) addRedaction(sum.redact, redaction)
    for (const bound of ['max_rows', 'max_bytes', 'timeout_ms', 'ask_timeout_ms'] as const) {
      const value = owed[bound]
      if (value !== undefined) sum[bound] = Math.min(value, sum[bound] ?? value)
    }
    if (owed.deny_arguments !== undefined) (sum.deny_arguments ??= []).push(...owed.deny_arguments)
  }
  return sum
}

function addRedaction(redactions: Redaction[], redaction: Redaction): void {
  const text = JSON.stringify(redaction)
  if (!redactions.some((each) => JSON.stringify(each) === text)) redactions.push(redaction)
}
