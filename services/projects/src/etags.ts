// If-Match (RFC 9110, 13.1.1): a list of entity tags, of which one must be the current version's, or `*`.
import { AppError } from '@mcpshield/contracts/errors'

/** Throws PRECONDITION_REQUIRED without `If-Match`, and STALE when it names another version than the current one. */
export function requireCurrent(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined) {
    throw new AppError(
      'PRECONDITION_REQUIRED',
      'Send If-Match with the ETag of the policy you changed, so that nobody’s change is lost.',
    )
  }
  if (!isCurrent(ifMatch, version)) {
    throw new AppError('STALE', `The policy is at version ${version} by now; read it again.`)
  }
}

/** Whether `If-Match` names the version. Weak tags never match; the bare number is taken for the tag. */
export function isCurrent(ifMatch: string, version: number): boolean {
  const tags = ifMatch.split(',').map((tag) => tag.trim())
  return tags.some((tag) => tag === '*' || tag === `"${version}"` || tag === String(version))
}
