// What a rule makes a call owe, piece by piece, and whether another rule makes it owe as much. How long a person may take
// to answer is not counted among it: it bounds nothing of what goes through.
import { obligationsOf } from './obligations.ts'
import type { Redaction } from './limits-schema.ts'
import type { Obligations, Rule } from './schema.ts'

type RateLimit = Obligations['rate_limits'][number]

export type Owed =
  | { kind: 'rate_limit'; limit: RateLimit }
  | { kind: 'max_rows' | 'max_bytes' | 'timeout_ms'; most: number }
  | { kind: 'redact'; redaction: Redaction }
  | { kind: 'deny_arguments'; detector: string }

const BOUNDS = ['max_rows', 'max_bytes', 'timeout_ms'] as const

/** Nothing of a rule that denies. */
export function owedOf(rule: Rule): Owed[] {
  const owed = obligationsOf(rule)
  if (owed === null) return []
  return [
    ...owed.rate_limits.map((limit): Owed => ({ kind: 'rate_limit', limit })),
    ...BOUNDS.flatMap((kind): Owed[] => {
      const most = owed[kind]
      return most === undefined ? [] : [{ kind, most }]
    }),
    ...owed.redact.map((redaction): Owed => ({ kind: 'redact', redaction })),
    ...(owed.deny_arguments ?? []).map(({ detector }): Owed => ({ kind: 'deny_arguments', detector })),
  ]
}

/** Whether the rule makes its calls owe this, or more of the kind. */
export function keepsOwed(rule: Rule, owed: Owed): boolean {
  return owedOf(rule).some((each) => isAsMuch(each, owed))
}

function isAsMuch(kept: Owed, owed: Owed): boolean {
  switch (owed.kind) {
    case 'rate_limit':
      return kept.kind === 'rate_limit' && isAsTight(kept.limit, owed.limit)
    case 'redact':
      return kept.kind === 'redact' && redactsAsMuch(kept.redaction, owed.redaction)
    case 'deny_arguments':
      return kept.kind === 'deny_arguments' && kept.detector === owed.detector
    default:
      return kept.kind === owed.kind && kept.most <= owed.most
  }
}

function isAsTight(kept: RateLimit, owed: RateLimit): boolean {
  return kept.by === owed.by && kept.calls <= owed.calls && kept.per_ms >= owed.per_ms
}

/** The same thing, by the same means or by leaving nothing. */
function redactsAsMuch(kept: Redaction, owed: Redaction): boolean {
  const { with: keptWith = 'mask', ...what } = kept
  const { with: owedWith = 'mask', ...wanted } = owed
  return JSON.stringify(what) === JSON.stringify(wanted) && (keptWith === owedWith || keptWith === 'drop')
}
