import { redirect } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { passwordErrors } from '#lib/account/password-rule.ts'
import { config } from '#lib/server/config.ts'
import { leave } from '#lib/server/leave.ts'
import { orRefusal, refuse, textsIn, withoutSecrets } from '#lib/server/refusal.ts'
import { sessionIdIn } from '#lib/server/session-cookie.ts'
import { updateUser } from '#lib/server/sessions.ts'
import { PROFILE_LINES } from './lines.ts'
import type { Actions, PageServerLoad } from './$types'

const NO_CHANGE = 'No change of your address waits any more.'

export const load: PageServerLoad = async ({ locals }) => ({
  me: await locals.api(auth.rpc.getMe, {}),
  mailUrl: config().MAIL_URL,
  codeDigits: config().OTP_LENGTH,
})

export const actions: Actions = {
  profile: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      const me = await locals.api(auth.rpc.updateMe, {
        first_name: texts['first_name'] ?? '',
        last_name: texts['last_name'] ?? '',
        ...Object.fromEntries(PROFILE_LINES.map(({ name }) => [name, texts[name] || null])),
      })
      const id = sessionIdIn(cookies, url)
      if (id !== undefined) await updateUser(id, me)
      return { done: 'profile', message: 'Saved.' }
    })
  },

  /** The present address, typed as the new one, drops a change that waits. */
  email: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    const values = withoutSecrets(texts)
    return orRefusal(values, async () => {
      const { expires_in } = await locals.api(auth.rpc.changeEmail, {
        email: texts['email'] ?? '',
        password: texts['password'] ?? '',
      })
      const minutes = Math.floor(expires_in / 60)
      return {
        done: 'email',
        message: `A code was mailed to the new address. It is good for ${minutes} minutes.`,
      }
    })
  },

  dropEmail: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(withoutSecrets(texts), async () => {
      const { email } = locals.session!.user
      await locals.api(auth.rpc.changeEmail, { email, password: texts['password'] ?? '' })
      return { done: 'email', message: 'Your address stays as it is.' }
    })
  },

  resendEmail: async ({ request, locals }) => {
    const values = withoutSecrets(textsIn(await request.formData()))
    return orRefusal(values, async () => {
      const { pending_email: email } = await locals.api(auth.rpc.getMe, {})
      if (email === null) return refuse(409, { message: NO_CHANGE, values })
      await locals.api(auth.rpc.requestOtp, { email, purpose: 'verify_email' })
      return { done: 'confirmEmail', message: 'A new code was mailed. Only the newest one is good.' }
    })
  },

  /** Every session ends with it, also this one. */
  confirmEmail: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const values = withoutSecrets(texts)
    return orRefusal(values, async () => {
      const { pending_email: email } = await locals.api(auth.rpc.getMe, {})
      if (email === null) return refuse(409, { message: NO_CHANGE, values })
      const code = (texts['code'] ?? '').replace(/\D/g, '')
      await locals.api(auth.rpc.verifyOtp, { email, purpose: 'verify_email', code })
      await leave(cookies, url)
      redirect(303, '/auth/sign-in?notice=email-changed&next=/app/profile')
    })
  },

  password: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const values = withoutSecrets(texts)
    const errors = passwordErrors(texts)
    if (Object.keys(errors).length > 0)
      return refuse(400, { message: 'The password cannot be taken.', errors, values })
    return orRefusal(values, async () => {
      await locals.api(auth.rpc.changePassword, {
        current_password: texts['current_password'] ?? '',
        new_password: texts['new_password'] ?? '',
      })
      await leave(cookies, url)
      redirect(303, '/auth/sign-in?notice=password-set&next=/app/profile')
    })
  },
}
