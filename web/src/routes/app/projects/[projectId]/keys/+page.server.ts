import { projects } from '@mcpshield/contracts/projects'
import { endOfDay } from '#lib/last-day.ts'
import { notConfirmed, notNamed } from '#lib/server/confirmed.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { labelsIn, stateOf, upstreamsIn } from './key-form.ts'
import { systemsOf } from './systems.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals: { api }, params, url }) => {
  const project_id = params.projectId
  const cursor = url.searchParams.get('cursor')
  const [keys, systems] = await Promise.all([
    api(projects.rpc.listKeys, { project_id, limit: 50, ...(cursor === null ? {} : { cursor }) }),
    systemsOf(api, project_id),
  ])
  const now = Date.now()
  return {
    keys: keys.items.map((key) => ({ ...key, state: stateOf(key, now) })),
    next: keys.next_cursor,
    previous: keys.prev_cursor,
    systems,
  }
}

export const actions: Actions = {
  create: async ({ locals, params, request }) => {
    const form = await request.formData()
    const texts = textsIn(form)
    const upstreams = upstreamsIn(form)
    const expires = endOfDay(texts['expires'])
    return orRefusal(texts, async () => {
      const { api_key, name } = await locals.api(projects.rpc.createKey, {
        project_id: params.projectId,
        name: texts['name'] ?? '',
        labels: labelsIn(texts['labels']),
        ...(expires === null ? {} : { expires_at: expires }),
        ...(upstreams === null ? {} : { upstreams }),
      })
      return { created: { apiKey: api_key, name } }
    })
  },

  kill: async ({ locals, params, request }) => {
    const texts = textsIn(await request.formData())
    return (
      notConfirmed(texts) ??
      orRefusal(texts, async () => {
        await locals.api(projects.rpc.updateKey, {
          project_id: params.projectId,
          key_id: texts['key_id'] ?? '',
          killed: texts['killed'] === 'true',
        })
        return { saved: true }
      })
    )
  },

  revoke: async ({ locals, params, request }) => {
    const texts = textsIn(await request.formData())
    return (
      notNamed(texts) ??
      orRefusal(texts, async () => {
        await locals.api(projects.rpc.revokeKey, {
          project_id: params.projectId,
          key_id: texts['key_id'] ?? '',
        })
        return { revoked: texts['name_to_type'] }
      })
    )
  },
}
