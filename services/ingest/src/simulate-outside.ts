// Denials that stood above the policy when they were made, told by what the decision point wrote into the record.
import type { OutsidePolicy } from '@mcpshield/contracts/ingest'
import type { CallRow } from './simulate-queries.ts'

/** A rule of a policy may have the same name; its reasons begin otherwise. */
const REASONS: Record<Exclude<OutsidePolicy, 'rate_limited' | 'limit_unavailable' | 'malformed'>, RegExp> = {
  killed: /^The (organisation|project|API key)’s kill switch is on/,
  revoked: /^The API key or access token of this call is revoked/,
  quarantined: /^The definition of .* (changed since it was approved|could not be recorded yet)/s,
  key_upstreams: /^This API key is not meant for/,
  no_policy: /^This project has no policy/,
  policy_unavailable: /^The policy cannot be read/,
  evaluation_error: /^The policy could not be evaluated/,
}
/** These carry the id of the rule whose limit it was. */
const LIMITS = ['rate_limited', 'limit_unavailable'] as const

/** Which of them this is, or undefined when the policy decided. */
export function outsidePolicy({ decision, method, tool, rule, reason }: CallRow): OutsidePolicy | undefined {
  if (decision !== 'deny') return undefined
  // What was refused unread names no method, as every call that was decided does.
  if (rule === 'malformed' && method === '' && tool === '') return 'malformed'
  const limit = LIMITS.find((each) => reason.startsWith(`${each}: `))
  if (limit !== undefined) return limit
  if (!Object.hasOwn(REASONS, rule)) return undefined
  const name = rule as keyof typeof REASONS
  return REASONS[name].test(reason) ? name : undefined
}
