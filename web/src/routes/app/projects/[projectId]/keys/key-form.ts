// What the form of a key says, read on the server.

/** `ci, team-a` → two labels. */
export function labelsIn(text: string | undefined): string[] {
  const labels = (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  return [...new Set(labels)]
}

/** Null is every server; a list may be empty. */
export function upstreamsIn(form: FormData): string[] | null {
  return form.get('reach') === 'some' ? form.getAll('upstream').map(String) : null
}

export type KeyState = 'live' | 'killed' | 'expired' | 'revoked'

export function stateOf(
  {
    revoked_at,
    killed,
    expires_at,
  }: { revoked_at: string | null; killed: boolean; expires_at: string | null },
  now: number,
): KeyState {
  if (revoked_at !== null) return 'revoked'
  if (expires_at !== null && Date.parse(expires_at) <= now) return 'expired'
  return killed ? 'killed' : 'live'
}
