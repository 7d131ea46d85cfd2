import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { orRefusal } from '#lib/server/refusal.ts'
import { shownValues } from '../shown-values.ts'
import { settingsIn, transportOf } from '../upstream-form.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = ({ url }) => ({
  transport: transportOf(url.searchParams.get('transport')),
})

export const actions: Actions = {
  default: async ({ locals, params, request }) => {
    const form = await request.formData()
    return orRefusal(shownValues(form), async () => {
      const { id } = await locals.api(projects.rpc.createUpstream, {
        project_id: params.projectId,
        slug: String(form.get('slug') ?? '').trim(),
        ...settingsIn(form),
      })
      redirect(303, `/app/projects/${params.projectId}/servers/upstreams/${id}`)
    })
  },
}
