import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { orRefusal, refuse, textsIn } from '#lib/server/refusal.ts'
import { settingsIn } from '../connection-form.ts'
import type { Actions, PageServerLoad, RequestEvent } from './$types'

const at = ({ params }: Pick<RequestEvent, 'params'>) => ({
  project_id: params.projectId,
  connection_id: params.connectionId,
})

export const load: PageServerLoad = async ({ locals, params }) => ({
  connection: await locals.api(projects.rpc.getConnection, at({ params })),
})

export const actions: Actions = {
  save: async (event) => {
    const form = await event.request.formData()
    const { url: _secret, ...shown } = textsIn(form)
    return orRefusal(shown, async () => {
      const { kind, options } = await event.locals.api(projects.rpc.getConnection, at(event))
      await event.locals.api(projects.rpc.updateConnection, {
        ...at(event),
        name: shown['name'] ?? '',
        ...settingsIn(form, kind, options),
      })
      return { saved: true }
    })
  },

  test: (event) =>
    orRefusal({}, async () => ({
      id: event.params.connectionId,
      trial: await event.locals.api(projects.rpc.testConnection, at(event)),
    })),

  delete: async (event) => {
    const { confirm } = textsIn(await event.request.formData())
    const { name } = await event.locals.api(projects.rpc.getConnection, at(event))
    if (confirm !== name) return refuse(400, { message: `Type ${name} to remove it.` })
    return orRefusal({}, async () => {
      await event.locals.api(projects.rpc.deleteConnection, at(event))
      redirect(303, `/app/projects/${event.params.projectId}/servers`)
    })
  },
}
