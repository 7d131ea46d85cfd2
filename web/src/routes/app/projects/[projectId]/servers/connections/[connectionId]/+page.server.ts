import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { notNamed } from '#lib/server/confirmed.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
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
    const texts = textsIn(await event.request.formData())
    const { name } = await event.locals.api(projects.rpc.getConnection, at(event))
    return (
      notNamed(texts, name) ??
      orRefusal(texts, async () => {
        await event.locals.api(projects.rpc.deleteConnection, at(event))
        redirect(303, `/app/projects/${event.params.projectId}/servers`)
      })
    )
  },
}
