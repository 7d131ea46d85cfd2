// The policy that decided a call, for the page to go through it again.
import { json } from '@sveltejs/kit'
import { ingest } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import { ApiError } from '#lib/server/api.ts'
import type { RequestHandler } from './$types'

export type PoliciesOfCall = { policy: string; above: string | null; environment: string }

export const GET: RequestHandler = async ({ locals, params }) => {
  const { project_id, policy_version } = await locals.api(ingest.rpc.getAudit, { id: params.auditId })
  if (project_id === null || policy_version === null || policy_version < 1)
    return json({ message: 'No policy decided this call.' }, { status: 404 })
  try {
    const [{ policy_yaml: policy }, organization, { environment }] = await Promise.all([
      locals.api(projects.rpc.getPolicyVersion, { project_id, version: policy_version }),
      locals.api(projects.rpc.getOrganizationPolicy, {}),
      locals.api(projects.rpc.getProject, { project_id }),
    ])
    const above = organization.version === 0 ? null : organization.policy_yaml
    return json({ policy, above, environment } satisfies PoliciesOfCall)
  } catch (refused) {
    if (!(refused instanceof ApiError)) throw refused
    return json({ message: refused.message }, { status: refused.status })
  }
}
