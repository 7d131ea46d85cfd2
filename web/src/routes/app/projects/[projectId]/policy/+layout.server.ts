import { projects } from '@mcpshield/contracts/projects'
import { systemsOf } from './systems.ts'
import type { LayoutServerLoad } from './$types'

export const load: LayoutServerLoad = async ({ locals: { api }, params, depends }) => {
  depends('app:policy')
  const project = { project_id: params.projectId }
  const [policy, organizationPolicy, systems] = await Promise.all([
    api(projects.rpc.getPolicy, project),
    api(projects.rpc.getOrganizationPolicy, {}),
    systemsOf(api, params.projectId),
  ])
  return { policy, above: organizationPolicy.version === 0 ? null : organizationPolicy, ...systems }
}
