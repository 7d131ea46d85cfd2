import { redirect } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { orRefusal, textsIn, withoutSecrets } from '#lib/server/refusal.ts'
import { pendingCode, sentNow, setPendingCode, shownOf, type PendingCode } from '../pending-code.server.ts'
import type { Actions, PageServerLoad } from './$types'

const purpose = 'verify_email'

export const load: PageServerLoad = ({ cookies }) => {
  const pending = pendingCode(cookies)
  return { pending: pending?.purpose === purpose ? shownOf(pending) : undefined }
}

export const actions: Actions = {
  verify: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const email = texts['email'] ?? ''
    return orRefusal(withoutSecrets(texts), async () => {
      const code = (texts['code'] ?? '').replace(/\D/g, '')
      await locals.api(auth.rpc.verifyOtp, { email, purpose, code })
      const next = nextOf(pendingCode(cookies))
      // The address is filled in at the sign-in.
      setPendingCode(cookies, url, { email, purpose })
      const query = new URLSearchParams({ notice: 'verified', ...(next === undefined ? {} : { next }) })
      redirect(303, `/auth/sign-in?${query}`)
    })
  },

  resend: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const email = texts['email'] ?? ''
    return orRefusal(withoutSecrets(texts), async () => {
      const { expires_in } = await locals.api(auth.rpc.requestOtp, { email, purpose })
      const next = nextOf(pendingCode(cookies))
      const pending = { email, purpose, ...sentNow(expires_in) } as const
      setPendingCode(cookies, url, { ...pending, ...(next === undefined ? {} : { next }) })
      return { sentTo: email }
    })
  },
}

const nextOf = (pending: PendingCode | undefined) => pending?.next
