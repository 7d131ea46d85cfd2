import { error, redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import type { Api } from '#lib/server/api.ts'
import { endOfDay } from '#lib/last-day.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { labelsIn, upstreamsIn } from '../key-form.ts'
import { systemsOf } from '../systems.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals: { api }, params }) => {
  const [key, systems] = await Promise.all([
    keyOf(api, params.projectId, params.keyId),
    systemsOf(api, params.projectId),
  ])
  return { key, systems }
}

/** The API has no address for one key: it is among those of the project. */
async function keyOf(api: Api, project_id: string, id: string) {
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof pageOf>> = await pageOf(api, project_id, cursor)
    const key = page.items.find((each) => each.id === id)
    if (key !== undefined) return key
    cursor = page.next_cursor
  } while (cursor !== null)
  error(404, 'There is no such key in this project.')
}

function pageOf(api: Api, project_id: string, cursor: string | null) {
  return api(projects.rpc.listKeys, { project_id, limit: 200, ...(cursor === null ? {} : { cursor }) })
}

export const actions: Actions = {
  default: async ({ locals, params, request }) => {
    const form = await request.formData()
    const texts = textsIn(form)
    const expires = endOfDay(texts['expires'])
    return orRefusal(texts, async () => {
      await locals.api(projects.rpc.updateKey, {
        project_id: params.projectId,
        key_id: params.keyId,
        name: texts['name'] ?? '',
        labels: labelsIn(texts['labels']),
        upstreams: upstreamsIn(form),
        // One that has run out stays as it is, unless it is moved.
        ...(texts['expires'] === texts['expires_before'] ? {} : { expires_at: expires }),
      })
      redirect(303, `/app/projects/${params.projectId}/keys`)
    })
  },
}
