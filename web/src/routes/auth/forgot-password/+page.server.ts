import { redirect } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { orRefusal, textsIn, withoutSecrets } from '#lib/server/refusal.ts'
import { pendingCode, sentNow, setPendingCode } from '../pending-code.server.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = ({ cookies, locals }) => ({
  email: locals.session?.user.email ?? pendingCode(cookies)?.email,
})

export const actions: Actions = {
  default: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const pending = { email: texts['email'] ?? '', purpose: 'reset_password' } as const
    return orRefusal(withoutSecrets(texts), async () => {
      const { expires_in } = await locals.api(auth.rpc.requestOtp, pending)
      setPendingCode(cookies, url, { ...pending, ...sentNow(expires_in) })
      redirect(303, '/auth/reset-password')
    })
  },
}
