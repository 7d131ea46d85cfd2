// What an approval of a call is bound to.
import canonicalize from 'canonicalize'
import type { KeyedHash } from '@mcpshield/redact/marker'
import type { ProjectPolicy } from './snapshots.ts'
import type { CallToDecide } from './verdict.ts'

/** Keyed, as arguments may be guessed; in one order of members, as an asker may write them in another next time. */
export function callDigest(
  keyedHash: KeyedHash,
  project: ProjectPolicy | undefined,
  call: CallToDecide,
): string {
  const { credential, method, tool, arguments: args } = call
  const { policy_version, policy_hash, runtime_version } = project?.snapshot ?? {}
  const terms = call.carried?.['task'] ?? {}
  const bound = [
    credential.project_id,
    credential.subject,
    method,
    tool,
    args,
    terms,
    policy_version,
    policy_hash,
    runtime_version,
  ]
  return keyedHash(`approval ${canonicalize(bound)}`)
}
