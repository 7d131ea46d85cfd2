import { projects } from '@mcpshield/contracts/projects'
import type { Api } from '#lib/server/api.ts'
import { CONNECTORS } from '../../infrastructure.ts'

/** What a key can be narrowed to: the servers of a project, and the connectors that it has connections for. */
export async function systemsOf(api: Api, project_id: string): Promise<string[]> {
  const [upstreams, connections] = await Promise.all([
    api(projects.rpc.listUpstreams, { project_id, limit: 200 }),
    api(projects.rpc.listConnections, { project_id, limit: 200 }),
  ])
  const connectors = new Set(connections.items.map(({ kind }) => CONNECTORS[kind]))
  return [...upstreams.items.map(({ slug }) => slug), ...connectors].sort()
}
