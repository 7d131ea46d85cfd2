import { projects } from '@mcpshield/contracts/projects'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { fewAtOnce } from '../../few-at-once.ts'
import type { Actions, PageServerLoad } from './$types'

/** As many as a project may have, and one page of the API. */
const ALL = 200

export const load: PageServerLoad = async ({ locals: { api }, params }) => {
  const project_id = params.projectId
  const [upstreams, connections] = await Promise.all([
    api(projects.rpc.listUpstreams, { project_id, limit: ALL }),
    api(projects.rpc.listConnections, { project_id, limit: ALL }),
  ])
  return {
    upstreams: await fewAtOnce(upstreams.items, async (upstream) => {
      const { items, next_cursor } = await api(projects.rpc.listTools, {
        project_id,
        upstream_id: upstream.id,
        limit: ALL,
      })
      return {
        ...upstream,
        tools: items.length,
        moreTools: next_cursor !== null,
        quarantined: items.filter(({ state }) => state === 'changed').length,
      }
    }),
    connections: connections.items,
  }
}

export const actions: Actions = {
  testUpstream: async ({ locals, params, request }) => {
    const { id = '' } = textsIn(await request.formData())
    return orRefusal({}, async () => ({
      id,
      trial: await locals.api(projects.rpc.testUpstream, { project_id: params.projectId, upstream_id: id }),
    }))
  },
  testConnection: async ({ locals, params, request }) => {
    const { id = '' } = textsIn(await request.formData())
    return orRefusal({}, async () => ({
      id,
      trial: await locals.api(projects.rpc.testConnection, {
        project_id: params.projectId,
        connection_id: id,
      }),
    }))
  },
}
