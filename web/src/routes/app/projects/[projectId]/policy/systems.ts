// What a project's systems offer: the tools that rules can name, and the connections.
import { projects } from '@mcpshield/contracts/projects'
import type { OfferedTool } from '@mcpshield/policy/tool-warnings'
import { connectorTools } from '#lib/editor/connector-tools.ts'
import { ApiError, type Api } from '#lib/server/api.ts'

/** As many servers and tools of each as the editor proposes. Whether their facts are guessed the API does not say. */
const MOST = 200

export async function systemsOf(
  api: Api,
  projectId: string,
): Promise<{ offered: OfferedTool[]; connections: string[] }> {
  const project = { project_id: projectId }
  const [upstreams, connections] = await Promise.all([
    api(projects.rpc.listUpstreams, { ...project, limit: MOST }),
    api(projects.rpc.listConnections, { ...project, limit: MOST }),
  ])
  const lists = await Promise.all(
    upstreams.items.map(async ({ id, slug }) =>
      (await toolNames(api, projectId, id)).map((name) => `${slug}/${name}`),
    ),
  )
  const tools = [...connectorTools(connections.items.map(({ kind }) => kind)), ...lists.flat()]
  return {
    offered: tools.map((tool) => ({ tool, guessed: false })),
    connections: connections.items.map(({ name }) => name),
  }
}

/** None of a server that was removed meanwhile. */
async function toolNames(api: Api, projectId: string, upstreamId: string): Promise<string[]> {
  try {
    const { items } = await api(projects.rpc.listTools, {
      project_id: projectId,
      upstream_id: upstreamId,
      limit: MOST,
    })
    return items.map(({ name }) => name)
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return []
    throw error
  }
}
