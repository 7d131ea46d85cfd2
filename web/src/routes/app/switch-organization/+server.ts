import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import type { RequestHandler } from './$types'

export const POST: RequestHandler = async ({ request, locals }) => {
  const id = (await request.formData()).get('organization_id')
  await locals.api(projects.rpc.switchOrganization, { organization_id: String(id) })
  redirect(303, '/app/projects')
}
