import { projects } from '@mcpshield/contracts/projects'
import type { LayoutServerLoad } from './$types'

/** The switcher and the palette show as many projects as one page of the API has. */
const SHOWN_PROJECTS = 200

export const load: LayoutServerLoad = async ({ locals, depends }) => {
  depends('app:projects')
  const [{ items: organizations }, listed] = await Promise.all([
    locals.api(projects.rpc.listOrganizations, {}),
    locals.api(projects.rpc.listProjects, { limit: SHOWN_PROJECTS }),
  ])
  const organization = organizations.find(({ current }) => current) ?? organizations[0]
  if (organization === undefined) throw new Error('The person is in no organisation.')
  return { user: locals.session!.user, organization, organizations, projects: listed.items }
}
