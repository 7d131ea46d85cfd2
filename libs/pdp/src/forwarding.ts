// Whether a decided call may go on, and what its facts say of it.
import { isUnknown, type Access, type Facts, type UrlFact } from '@mcpshield/policy/facts'
import type { Decision } from '@mcpshield/policy/schema'
import type { ProjectPolicy } from './snapshots.ts'
import type { CallToDecide } from './verdict.ts'

export function mayForward(
  decision: Decision,
  project: ProjectPolicy | undefined,
  facts: Facts | null,
  call: CallToDecide,
): boolean {
  if (decision.decision === 'allow') return true
  if (project?.snapshot.mode !== 'monitor') return false
  // Monitoring forwards what policy would have stopped, never what a connector of ours could not understand.
  return !isConnectorTool(call.tool) || (facts !== null && factsKnown(facts))
}

/** `postgres.query` is ours; `github/search.issues` is not. */
export function isConnectorTool(tool: string): boolean {
  return /^[a-z]+\.[a-z]+$/.test(tool)
}

/** Facts of which no path, no URL, and no operation or resource of an access is unknown. */
export type KnownFacts = Facts & { paths: string[]; urls: UrlFact[]; accesses: Access[] }

/** A connector never runs a call of which it is not known what it touches, whatever the rules say. */
export function factsKnown(facts: Facts): facts is KnownFacts {
  if (isUnknown(facts.accesses) || isUnknown(facts.paths) || isUnknown(facts.urls)) return false
  if (facts.paths.some(isUnknown) || facts.urls.some(isUnknown)) return false
  return facts.accesses.every((access) => !isUnknown(access.operation) && !isUnknown(access.resource))
}

export function onlyReads(facts: Facts): boolean {
  return (
    !isUnknown(facts.accesses) &&
    facts.accesses.length > 0 &&
    facts.accesses.every((each) => each.operation === 'read')
  )
}
