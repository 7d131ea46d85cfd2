// What gave a decision, in a few words of ours: rules have names that customers chose, and those are for the record.
import type { Decision } from '@mcpshield/policy/schema'

const BEFORE_POLICY = [
  'policy_unavailable',
  'revoked',
  'no_policy',
  'killed',
  'quarantined',
  'key_upstreams',
] as const

export type ReasonClass =
  | (typeof BEFORE_POLICY)[number]
  | 'rule'
  | 'default'
  | 'evaluation_error'
  | 'approved'
  | 'secret_arguments'
  | 'rate_limited'
  | 'limit_unavailable'
  | 'malformed'

/** The decision on its way: before the policy was asked, by the policy, and after a person's word on it. */
type Steps = { refused: Decision | null; byPolicy: Decision; asked: Decision }

export function reasonClass(decision: Decision, { refused, byPolicy, asked }: Steps): ReasonClass {
  if (refused !== null) return BEFORE_POLICY.find((each) => each === refused.rule) ?? 'no_policy'
  if (decision === byPolicy) return ofPolicy(decision)
  if (decision.decision === 'allow') return 'approved'
  if (decision.reason.startsWith('rate_limited:')) return 'rate_limited'
  if (decision.reason.startsWith('limit_unavailable:')) return 'limit_unavailable'
  return asked.decision === 'deny' ? ofPolicy(decision) : 'secret_arguments'
}

function ofPolicy({ rule }: Decision): ReasonClass {
  return rule === 'evaluation_error' || rule === 'default' ? rule : 'rule'
}
