// If-Match (RFC 9110, 13.1.1): a list of entity tags, of which one must be the current version's, or `*`.

/** Whether `If-Match` names the version. Weak tags never match; the bare number is taken for the tag. */
export function isCurrent(ifMatch: string, version: number): boolean {
  const tags = ifMatch.split(',').map((tag) => tag.trim())
  return tags.some((tag) => tag === '*' || tag === `"${version}"` || tag === String(version))
}
