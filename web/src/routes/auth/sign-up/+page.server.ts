import { redirect } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { passwordErrors } from '#lib/account/password-rule.ts'
import { nextPage, nextQuery, ownPage } from '#lib/server/next-page.ts'
import { orRefusal, refuse, textsIn, withoutSecrets } from '#lib/server/refusal.ts'
import { sentNow, setPendingCode } from '../pending-code.server.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = ({ locals, url }) => {
  if (locals.session !== undefined) redirect(303, nextPage(url))
  return { query: nextQuery(url) }
}

export const actions: Actions = {
  default: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const values = withoutSecrets(texts)
    const errors = passwordErrors(texts)
    if (Object.keys(errors).length > 0)
      return refuse(400, { message: 'The password cannot be taken.', errors, values })
    return orRefusal(values, async () => {
      const { email, expires_in } = await locals.api(auth.rpc.registerUser, {
        email: texts['email'] ?? '',
        password: texts['new_password'] ?? '',
        first_name: texts['first_name'] ?? '',
        last_name: texts['last_name'] ?? '',
      })
      const next = ownPage(url.searchParams.get('next') ?? '', url)
      setPendingCode(cookies, url, {
        ...{ email, purpose: 'verify_email', ...sentNow(expires_in) },
        ...(next === undefined ? {} : { next }),
      })
      redirect(303, '/auth/verify-otp')
    })
  },
}
