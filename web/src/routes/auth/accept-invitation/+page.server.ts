import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { orRefusal } from '#lib/server/refusal.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = ({ locals, url }) => ({
  token: url.searchParams.get('token') ?? '',
  email: locals.session?.user.email,
  query: `?next=${encodeURIComponent(url.pathname + url.search)}`,
})

export const actions: Actions = {
  default: async ({ request, locals, url }) => {
    if (locals.session === undefined)
      redirect(303, `/auth/sign-in?next=${encodeURIComponent(url.pathname + url.search)}`)
    const token = (await request.formData()).get('token')
    return orRefusal({}, async () => {
      await locals.api(projects.rpc.joinOrganization, { invitation_token: String(token) })
      redirect(303, '/app/settings/members?joined')
    })
  },
}
