import { ingest } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import { config } from '#lib/server/config.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { stateOf } from '../keys/key-form.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals: { api }, params, url }) => {
  const project_id = params.projectId
  const [keys, records, upstreams, connections] = await Promise.all([
    api(projects.rpc.listKeys, { project_id, limit: 200 }),
    api(ingest.rpc.listAudits, { project_id, limit: 20 }),
    api(projects.rpc.listUpstreams, { project_id, limit: 1 }),
    api(projects.rpc.listConnections, { project_id, limit: 1 }),
  ])
  const now = Date.now()
  const gateway = config().MCP_URL.replace(/\/$/, '')
  return {
    client: url.searchParams.get('client'),
    isNew: url.searchParams.has('new'),
    endpoint: `${gateway}/mcp`,
    tokenEndpoint: `${gateway}/p/${project_id}/mcp`,
    keys: keys.items
      .filter((key) => stateOf(key, now) === 'live')
      .map(({ id, name, prefix }) => ({ id, name, prefix })),
    lastCall: records.items.find(({ kind }) => kind === 'decision') ?? null,
    hasSystems: upstreams.items.length + connections.items.length > 0,
  }
}

export const actions: Actions = {
  key: async ({ locals, params, request }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      const { api_key, name } = await locals.api(projects.rpc.createKey, {
        project_id: params.projectId,
        name: texts['name'] ?? '',
      })
      return { created: { apiKey: api_key, name } }
    })
  },
}
