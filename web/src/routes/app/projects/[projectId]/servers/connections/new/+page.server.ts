import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { kindOf, settingsIn } from '../connection-form.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = ({ url }) => ({ kind: kindOf(url.searchParams.get('kind')) })

export const actions: Actions = {
  default: async ({ locals, params, request }) => {
    const form = await request.formData()
    const { url: _secret, ...shown } = textsIn(form)
    const kind = kindOf(shown['kind'])
    return orRefusal(shown, async () => {
      const { id } = await locals.api(projects.rpc.createConnection, {
        project_id: params.projectId,
        name: shown['name'] ?? '',
        kind,
        ...settingsIn(form, kind),
      })
      redirect(303, `/app/projects/${params.projectId}/servers/connections/${id}`)
    })
  },
}
