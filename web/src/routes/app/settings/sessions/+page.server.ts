import { redirect } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { leave } from '#lib/server/leave.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals }) => {
  const { items } = await locals.api(auth.rpc.listSessions, {})
  return { sessions: items }
}

export const actions: Actions = {
  end: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      const { items } = await locals.api(auth.rpc.listSessions, {})
      const isThis = items.some(({ id, current }) => current && id === texts['session_id'])
      await locals.api(auth.rpc.endOneSession, { session_id: texts['session_id'] ?? '' })
      if (isThis) {
        await leave(cookies, url)
        redirect(303, '/auth/sign-in?notice=session-ended')
      }
      return { done: 'sessions', message: 'The session was ended.' }
    })
  },

  endAll: async ({ request, locals, cookies, url }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      await locals.api(auth.rpc.endAllSessions, {})
      await leave(cookies, url)
      redirect(303, '/auth/sign-in?notice=sessions-ended')
    })
  },
}
