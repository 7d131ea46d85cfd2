import { auth } from '@mcpshield/contracts/auth'
import { orRefusal } from '#lib/server/refusal.ts'
import { MAILS } from './mails.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals }) => ({
  wanted: await locals.api(auth.rpc.getNotifications, {}),
})

export const actions: Actions = {
  default: async ({ request, locals }) => {
    const form = await request.formData()
    return orRefusal({ form: 'notifications' }, async () => {
      // A box that is not ticked is not sent.
      const wanted = Object.fromEntries(MAILS.map(({ name }) => [name, form.has(name)]))
      await locals.api(auth.rpc.setNotifications, wanted)
      return { done: 'notifications', message: 'Saved.' }
    })
  },
}
