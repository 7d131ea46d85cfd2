import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { orRefusal, refuse } from '#lib/server/refusal.ts'
import { shownValues } from '../../shown-values.ts'
import { changesIn, hiddenIn, transportOf } from '../../upstream-form.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals, params, url }) => {
  const upstream = await locals.api(projects.rpc.getUpstream, {
    project_id: params.projectId,
    upstream_id: params.upstreamId,
  })
  return { upstream, transport: transportOf(url.searchParams.get('transport'), upstream.transport) }
}

export const actions: Actions = {
  default: async ({ locals, params, request }) => {
    const form = await request.formData()
    const at = { project_id: params.projectId, upstream_id: params.upstreamId }
    const values = shownValues(form)
    return orRefusal(values, async () => {
      const changes = changesIn(form, await locals.api(projects.rpc.getUpstream, at))
      const errors = hiddenIn(changes)
      if (Object.keys(errors).length > 0)
        return refuse(400, { message: 'What is hidden cannot be sent back.', errors, values })
      await locals.api(projects.rpc.updateUpstream, {
        ...at,
        slug: String(form.get('slug') ?? '').trim(),
        ...changes,
      })
      redirect(303, `/app/projects/${params.projectId}/servers/upstreams/${params.upstreamId}`)
    })
  },
}
