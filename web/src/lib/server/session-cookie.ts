// The one cookie that says who is signed in: unreadable to scripts, bound to this host.
import type { Cookies } from '@sveltejs/kit'
import { maxAgeSeconds } from './sessions.ts'

const ID = /^[A-Za-z0-9_-]{43}$/

/** Browsers take `__Host-` over TLS only; without it there is localhost alone. */
const nameAt = (url: URL) => (isSecure(url) ? '__Host-session' : 'session')
const isSecure = (url: URL) => url.protocol === 'https:'

export function sessionIdIn(cookies: Cookies, url: URL): string | undefined {
  const id = cookies.get(nameAt(url))
  return id !== undefined && ID.test(id) ? id : undefined
}

/** Not remembered, it ends with the browser. */
export function setSessionCookie(cookies: Cookies, url: URL, id: string, remembered: boolean): void {
  cookies.set(nameAt(url), id, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: isSecure(url),
    ...(remembered ? { maxAge: maxAgeSeconds(true) } : {}),
  })
}

export function clearSessionCookie(cookies: Cookies, url: URL): void {
  cookies.delete(nameAt(url), { path: '/', httpOnly: true, secure: isSecure(url) })
}
