import { redirect } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { ApiError, type Api } from '#lib/server/api.ts'
import { nextPage, nextQuery } from '#lib/server/next-page.ts'
import { orRefusal, textsIn, withoutSecrets } from '#lib/server/refusal.ts'
import { setSessionCookie } from '#lib/server/session-cookie.ts'
import { openSession } from '#lib/server/sessions.ts'
import {
  clearPendingCode,
  pendingCode,
  sentNow,
  setPendingCode,
  type PendingCode,
} from '../pending-code.server.ts'
import { noticeOf } from './notices.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = ({ locals, url, cookies }) => {
  if (locals.session !== undefined) redirect(303, nextPage(url))
  return { notice: noticeOf(url.searchParams), email: pendingCode(cookies)?.email, query: nextQuery(url) }
}

export const actions: Actions = {
  default: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const rememberMe = texts['remember_me'] === 'on'
    const email = texts['email'] ?? ''
    return orRefusal(withoutSecrets(texts), async () => {
      const tokens = await locals
        .api(auth.rpc.createSession, {
          email,
          password: texts['password'] ?? '',
          remember_me: rememberMe,
          ...(texts['otp'] ? { otp: texts['otp'] } : {}),
        })
        .catch(async (refused: unknown) => {
          if (!(refused instanceof ApiError) || refused.type !== 'email_not_verified') throw refused
          setPendingCode(cookies, url, { ...(await newCode(locals.api, email)), next: nextPage(url) })
          redirect(303, '/auth/verify-otp')
        })
      setSessionCookie(cookies, url, await openSession(tokens, rememberMe), rememberMe)
      clearPendingCode(cookies, url)
      redirect(303, nextPage(url))
    })
  },
}

/** Where too many were asked for, one of those that were mailed is still good: the next page takes it. */
async function newCode(api: Api, email: string): Promise<PendingCode> {
  const pending = { email, purpose: 'verify_email' } as const
  try {
    const { expires_in } = await api(auth.rpc.requestOtp, pending)
    return { ...pending, ...sentNow(expires_in) }
  } catch (refused) {
    if (refused instanceof ApiError) return pending
    throw refused
  }
}
