import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { environmentIn, kindsIn } from '../infrastructure.ts'
import type { Actions } from './$types'

export const actions: Actions = {
  default: async ({ request, locals }) => {
    const form = await request.formData()
    const texts = textsIn(form)
    const infrastructure = kindsIn(form)
    return orRefusal({ ...texts, infrastructure: infrastructure.join(' ') }, async () => {
      const { id } = await locals.api(projects.rpc.createProject, {
        name: texts['name'] ?? '',
        environment: environmentIn(texts['environment']),
        infrastructure,
      })
      redirect(303, `/app/projects/${id}/connect?new`)
    })
  },
}
