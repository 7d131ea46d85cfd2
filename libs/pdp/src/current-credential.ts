// A credential as it is now. A call may wait for a person, and a stream may stay open, for longer than what was known of
// their asker holds.
import type { TokenIssuer } from '@mcpshield/contracts/projects'
import type { Credential, Snapshots } from './snapshots.ts'

/** Undefined when it is good no longer: revoked, expired, or of an issuer that the project trusts no more. */
export function currentCredential(
  snapshots: Pick<Snapshots, 'credentialByDigest' | 'project'>,
  given: Credential,
  now: Date,
): Credential | undefined {
  if ('digest' in given) return snapshots.credentialByDigest(String(given.digest), now)
  if (given.expires_at !== null && Date.parse(given.expires_at) <= now.getTime()) return undefined
  // A person's token: the project is asked, unless it is gone, which is denied by its own name.
  if (given.key_id !== null) return given
  const project = snapshots.project(given.project_id)
  return project === undefined || isTrusted(project.snapshot.token_issuer, given) ? given : undefined
}

/** By which a project trusts an issuer; tokens that were taken by others are taken no longer. */
export function issuerTerms({ issuer, jwks_url, groups_claim }: TokenIssuer): string {
  return JSON.stringify([issuer, jwks_url, groups_claim])
}

function isTrusted(issuer: TokenIssuer | null | undefined, { issuer_terms }: Credential): boolean {
  return Boolean(issuer) && issuer_terms !== undefined && issuerTerms(issuer!) === issuer_terms
}
