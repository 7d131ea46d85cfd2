// The policy that decides now: a file's for good, or a project's, which changes.
import type { Policy, Obligations } from '@mcpshield/policy/schema'
import { offlineDecisions, type OfflineDecisions } from '../offline-decision.ts'
import type { Systems } from '../systems-file.ts'

export type PolicyInForce = {
  decisions: OfflineDecisions
  /** What is looked for in what belongs to no decided call: whatever some rule redacts. Fields are rows' matter. */
  standing: Obligations['redact']
  /** Null of a file: it has none. */
  version: number | null
  /** Tells one policy from another. */
  hash: string
}

/** Without a policy every call is denied, for this reason. */
export type NoPolicy = { unavailable: string }

export type PolicySource = () => PolicyInForce | NoPolicy

/** A policy, below an organisation's where there is one, ready to decide. */
export async function inForce(
  policy: Policy,
  systems: Systems,
  named: Pick<PolicyInForce, 'version' | 'hash'>,
  above?: Policy,
): Promise<PolicyInForce> {
  const decisions = await offlineDecisions(policy, systems, above)
  return { ...named, decisions, standing: decisions.redactions().filter((each) => !('fields' in each)) }
}
