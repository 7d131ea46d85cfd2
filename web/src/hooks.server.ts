// Each request: who it is of, that it comes from our own pages where it changes something, and the headers of the answer.
import { error, redirect, type RequestEvent } from '@sveltejs/kit'
import type { Handle, HandleServerError } from '@sveltejs/kit/hooks'
import { auth } from '@mcpshield/contracts/auth'
import { ApiError, apiFor, type Browser } from '#lib/server/api.ts'
import { clearSessionCookie, sessionIdIn } from '#lib/server/session-cookie.ts'
import { currentSession, type WebSession } from '#lib/server/sessions.ts'
import { signedOutWhenRefused } from '#lib/server/signed-out.ts'
import { themeOf } from '#lib/theme.ts'

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
}

export const handle: Handle = async ({ event, resolve }) => {
  const { cookies, url, request, locals } = event
  requireSameOrigin(request, url)
  locals.theme = themeOf(cookies.get('theme'))
  locals.timeZone = timeZoneOf(cookies.get('tz'))
  const browser: Browser = { address: event.getClientAddress(), userAgent: request.headers.get('user-agent') }
  locals.session = await sessionOf(event, browser)
  locals.api = signedOutWhenRefused(event, apiFor(browser, locals.session?.access_token))
  // By the route that answers: an address can be spelled in many ways.
  const part = (event.route.id ?? url.pathname).split('/')[1]
  if (part === 'app' && locals.session === undefined)
    redirect(303, `/auth/sign-in?next=${encodeURIComponent(url.pathname + url.search)}`)
  const response = await resolve(event, {
    transformPageChunk: ({ html }) => html.replace('%theme%', locals.theme),
    preload: isWantedAtOnce,
  })
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value)
  if (url.protocol === 'https:')
    response.headers.set('strict-transport-security', 'max-age=63072000; includeSubDomains')
  // What is somebody's stays out of every cache.
  if (part === 'app' || part === 'auth') response.headers.set('cache-control', 'no-store')
  return response
}

/** Scripts, styles, and the two fonts that every page is written in: what is there from the start moves nothing later. */
function isWantedAtOnce({ type, path }: { type: string; path: string }): boolean {
  return type === 'font'
    ? /(inter-latin-wght|crimson-text-latin-600)-normal.*\.woff2$/.test(path)
    : type !== 'asset'
}

/** Forms are held to it by SvelteKit; here everything else that changes something is. */
function requireSameOrigin(request: Request, url: URL): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const origin = request.headers.get('origin')
  if (origin !== url.origin) error(403, 'This comes from another site.')
}

function timeZoneOf(name: string | undefined): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name ?? 'UTC' }).resolvedOptions().timeZone
  } catch {
    return 'UTC'
  }
}

async function sessionOf(event: RequestEvent, browser: Browser): Promise<WebSession | undefined> {
  const id = sessionIdIn(event.cookies, event.url)
  if (id === undefined) return undefined
  const anyone = apiFor(browser, undefined)
  const session = await currentSession(id, async (refreshToken) => {
    try {
      return await anyone(auth.rpc.refreshSession, { refresh_token: refreshToken })
    } catch (refused) {
      if (refused instanceof ApiError && refused.status === 401) return undefined
      throw refused
    }
  })
  if (session === undefined) clearSessionCookie(event.cookies, event.url)
  return session
}

/** What the API refuses, and no page catches, is the page of that status. */
export const handleError: HandleServerError = (caught) => {
  if (caught.kind !== 'unknown')
    return caught.error.status === 404 ? { message: 'There is no such page.' } : {}
  if (caught.error instanceof ApiError) return { status: caught.error.status, message: caught.error.message }
  console.error(caught.error)
  return { message: 'Something went wrong here. The log of the web server says what.' }
}
