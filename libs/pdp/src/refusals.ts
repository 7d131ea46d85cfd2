// Denials that stand above any policy: kill switches, revoked credentials, quarantine, keys that are meant for less.
import type { Decision, Obligations } from '@mcpshield/policy/schema'
import type { Credential, ProjectPolicy, Snapshots } from './snapshots.ts'
import type { CallToDecide } from './verdict.ts'

/** Denials that stand above any policy and hold in monitor mode too; null when there is none. */
export function refuseBeforePolicy(
  snapshots: Snapshots,
  project: ProjectPolicy | undefined,
  call: CallToDecide,
  isKnown: boolean,
): Decision | null {
  if (!snapshots.current()) {
    return denied('policy_unavailable', 'The policy cannot be read right now; try again in a moment.')
  }
  if (!isKnown) return denied('revoked', 'The API key or access token of this call is revoked or expired.')
  if (project === undefined) return denied('no_policy', 'This project has no policy in force.')
  const killed = killedBy(project, call.credential)
  if (killed !== null) return denied('killed', `The ${killed}’s kill switch is on: every call is denied.`)
  if (call.quarantined !== undefined) return denied('quarantined', call.quarantined)
  if (!reaches(call.credential, call.tool)) {
    return denied('key_upstreams', 'This API key is not meant for this upstream.')
  }
  return null
}

/** Whether an asker could get anything from there, whatever the policy says. */
export function isOpen(
  snapshots: Snapshots,
  project: ProjectPolicy,
  credential: Credential | undefined,
  tool: string,
): credential is Credential {
  if (credential === undefined || !snapshots.current()) return false
  return killedBy(project, credential) === null && reaches(credential, tool)
}

function killedBy({ snapshot }: ProjectPolicy, credential: Credential): string | null {
  if (snapshot.organization_killed === true) return 'organisation'
  if (snapshot.killed) return 'project'
  return credential.killed === true ? 'API key' : null
}

/** A key may be meant for some upstreams and connectors only. */
function reaches(credential: Credential, tool: string): boolean {
  return credential.upstreams === null || credential.upstreams.includes(tool.split(/[/.]/)[0] ?? '')
}

export const NO_OBLIGATIONS: Obligations = { rate_limits: [], redact: [] }

export function denied(rule: string, reason: string): Decision {
  return { decision: 'deny', rule, reason, obligations: NO_OBLIGATIONS }
}
