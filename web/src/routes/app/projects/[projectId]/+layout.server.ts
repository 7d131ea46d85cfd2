import { projects } from '@mcpshield/contracts/projects'
import type { LayoutServerLoad } from './$types'

export const load: LayoutServerLoad = async ({ locals, params }) => ({
  project: await locals.api(projects.rpc.getProject, { project_id: params.projectId }),
})
