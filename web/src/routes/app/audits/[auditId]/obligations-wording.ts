// What a decision demands of a call, as sentences.
import type { Obligations } from '@mcpshield/policy/schema'
import { bytesInWords, spanInWords } from '#lib/calls/wording.ts'

export function obligationsInWords(obligations: Obligations): string[] {
  const { rate_limits, max_rows, max_bytes, timeout_ms, ask_timeout_ms, redact, deny_arguments } = obligations
  return [
    ...rate_limits.map(
      ({ rule, calls, per_ms, by }) =>
        `At most ${calls} calls in ${spanInWords(per_ms)} by ${by} (rule ${rule}).`,
    ),
    ...(max_rows === undefined ? [] : [`At most ${max_rows} rows come back.`]),
    ...(max_bytes === undefined ? [] : [`At most ${bytesInWords(max_bytes)} come back.`]),
    ...(timeout_ms === undefined ? [] : [`It is cut off after ${spanInWords(timeout_ms)}.`]),
    ...(ask_timeout_ms === undefined ? [] : [`A person has ${spanInWords(ask_timeout_ms)} to approve it.`]),
    ...redact.map((each) => `Redacted from the result: ${redactionInWords(each)}.`),
    ...(deny_arguments ?? []).map(
      ({ rule, detector }) => `Denied if its arguments carry: ${detector} (rule ${rule}).`,
    ),
  ]
}

function redactionInWords(redaction: Obligations['redact'][number]): string {
  const what =
    'fields' in redaction
      ? redaction.fields.join(', ')
      : 'pattern' in redaction
        ? 'a pattern'
        : redaction.detector
  return redaction.with === undefined ? what : `${what} (${redaction.with})`
}
