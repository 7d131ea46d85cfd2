import { redirect } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { leave } from '#lib/server/leave.ts'
import { orRefusal, refuse, textsIn, withoutSecrets } from '#lib/server/refusal.ts'
import type { Actions } from './$types'

export const actions: Actions = {
  default: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    const values = withoutSecrets(texts)
    const { email } = locals.session!.user
    if (texts['confirm'] !== email) {
      const errors = { confirm: `Type ${email} here.` }
      return refuse(400, { message: 'Nothing was deleted: your address was not typed.', errors, values })
    }
    return orRefusal(values, async () => {
      await locals.api(auth.rpc.deleteMe, { password: texts['password'] ?? '' })
      await leave(cookies, url)
      redirect(303, '/auth/sign-in?notice=deleted')
    })
  },
}
