import { redirect, type Cookies } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { passwordErrors } from '#lib/account/password-rule.ts'
import { ApiError } from '#lib/server/api.ts'
import { leave } from '#lib/server/leave.ts'
import { orRefusal, refuse, textsIn, withoutSecrets } from '#lib/server/refusal.ts'
import { pendingCode, sentNow, setPendingCode, shownOf } from '../pending-code.server.ts'
import type { Actions, PageServerLoad } from './$types'

const purpose = 'reset_password'

export const load: PageServerLoad = ({ cookies }) => {
  const pending = pendingOf(cookies)
  return {
    pending: pending === undefined ? undefined : shownOf(pending),
    codeWasRight: pending?.reset_token !== undefined,
  }
}

export const actions: Actions = {
  code: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const email = texts['email'] ?? ''
    return orRefusal(withoutSecrets(texts), async () => {
      const code = (texts['code'] ?? '').replace(/\D/g, '')
      const { reset_token, expires_in } = await locals.api(auth.rpc.verifyOtp, { email, purpose, code })
      if (reset_token === undefined) throw new Error('The API gave no token for a code that was right.')
      setPendingCode(cookies, url, { email, purpose, reset_token, ...sentNow(expires_in ?? 0) })
      // Its form is another one: a page that is loaded again must not send the code once more.
      redirect(303, '/auth/reset-password')
    })
  },

  resend: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const email = texts['email'] ?? ''
    return orRefusal(withoutSecrets(texts), async () => {
      const { expires_in } = await locals.api(auth.rpc.requestOtp, { email, purpose })
      setPendingCode(cookies, url, { email, purpose, ...sentNow(expires_in) })
      return { sentTo: email }
    })
  },

  password: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const errors = passwordErrors(texts)
    if (Object.keys(errors).length > 0)
      return refuse(400, { message: 'The password cannot be taken.', errors })
    const { email = '', reset_token = '' } = pendingOf(cookies) ?? {}
    return orRefusal({}, async () => {
      try {
        await locals.api(auth.rpc.resetPassword, { reset_token, new_password: texts['new_password'] ?? '' })
      } catch (refused) {
        // Too late: it begins with a code again.
        if (refused instanceof ApiError && 'reset_token' in refused.errors)
          setPendingCode(cookies, url, { email, purpose })
        throw refused
      }
      await leave(cookies, url)
      setPendingCode(cookies, url, { email, purpose })
      redirect(303, '/auth/sign-in?notice=password-set')
    })
  },
}

function pendingOf(cookies: Cookies) {
  const pending = pendingCode(cookies)
  return pending?.purpose === purpose && pending.email !== '' ? pending : undefined
}
