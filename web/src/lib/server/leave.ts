// The browser lets go of a session: the API has ended it, or is about to.
import type { Cookies } from '@sveltejs/kit'
import { clearSessionCookie, sessionIdIn } from './session-cookie.ts'
import { closeSession } from './sessions.ts'

export async function leave(cookies: Cookies, url: URL): Promise<void> {
  const id = sessionIdIn(cookies, url)
  if (id !== undefined) await closeSession(id)
  clearSessionCookie(cookies, url)
}
