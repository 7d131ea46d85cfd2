// Decides the sample calls by a policy's text, with the very functions that the gateway decides by. Loaded by a browser
// when somebody touches the policy: it is larger than the page.
import { compile } from '@mcpshield/policy/compile'
import { decide } from '@mcpshield/policy/decide'
import { parsePolicy, type Diagnostic } from '@mcpshield/policy/parse'
import type { Decision, TraceEntry } from '@mcpshield/policy/schema'
import { factsOf, SAMPLE_CALLS, SAMPLE_CONTEXT } from './sample-calls.ts'

export type Verdict = {
  decision: Decision['decision']
  rule: string
  reason: string
  /** What an allowed call owes, in words. */
  owes: string[]
  trace: TraceEntry[]
}
export type Judgement = {
  diagnostics: Diagnostic[]
  /** By the call's id; absent where the text is no policy. */
  verdicts?: Record<string, Verdict>
}

export function judge(text: string, now: Date): Judgement {
  const { policy, diagnostics } = parsePolicy(text)
  if (policy === undefined) return { diagnostics }
  const compiled = compile(policy)
  const context = { ...SAMPLE_CONTEXT, time: now.toISOString() }
  const verdicts = SAMPLE_CALLS.map((call) => {
    const {
      decision,
      rule,
      reason,
      obligations,
      trace = [],
    } = decide(compiled, factsOf(call), context, {
      trace: true,
    })
    return [call.id, { decision, rule, reason, owes: owedInWords(obligations), trace }] as const
  })
  return { diagnostics, verdicts: Object.fromEntries(verdicts) }
}

function owedInWords(owed: Decision['obligations']): string[] {
  const words = owed.redact.map((each) => {
    const what = 'detector' in each ? each.detector : 'fields' in each ? each.fields.join(', ') : 'a pattern'
    return `${what} masked`
  })
  for (const { calls, per_ms: perMs } of owed.rate_limits) words.push(`${calls} calls in ${perMs / 1_000} s`)
  if (owed.max_rows !== undefined) words.push(`${owed.max_rows.toLocaleString('en-GB')} rows at most`)
  if (owed.max_bytes !== undefined) words.push(`${owed.max_bytes.toLocaleString('en-GB')} bytes at most`)
  if (owed.timeout_ms !== undefined) words.push(`${owed.timeout_ms / 1_000} s at most`)
  return words
}
