/** Where an invitation's link leads: it is taken up after signing in, or up. */
const INVITATION = '/auth/accept-invitation'

/** Where to go after signing in: a page of the app or an invitation, never another site. */
export function nextPage(url: URL): string {
  return ownPage(url.searchParams.get('next') ?? '', url) ?? '/app/projects'
}

/** The page, if it is one of ours that one goes to after signing in. */
export function ownPage(next: string, base: URL): string | undefined {
  // Read as a browser would: `//host`, backslashes and control characters lead elsewhere.
  const target = URL.canParse(next, base) ? new URL(next, base) : undefined
  if (target === undefined || target.origin !== base.origin) return undefined
  const known = target.pathname.startsWith('/app') || target.pathname === INVITATION
  return known ? target.pathname + target.search : undefined
}

/** `?next=…` of a page as the query of another one, or nothing. */
export function nextQuery(url: URL): string {
  const next = ownPage(url.searchParams.get('next') ?? '', url)
  return next === undefined ? '' : `?next=${encodeURIComponent(next)}`
}
