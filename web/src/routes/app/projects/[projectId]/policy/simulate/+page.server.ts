import { fail } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import type { ServerDiagnostic } from '#lib/editor/checked.ts'
import { ApiError } from '#lib/server/api.ts'
import { typedText } from '../save.ts'
import { versionIn } from '../versions/version-number.ts'
import type { Actions, PageServerLoad } from './$types'

const MOST_DAYS = 30
const USUAL_DAYS = 7

export const load: PageServerLoad = async ({ locals: { api }, params, url }) => {
  const version = versionIn(url.searchParams.get('version'))
  const { items } = await api(projects.rpc.listPolicyVersions, { project_id: params.projectId, limit: 200 })
  return { version, versions: items.map((each) => each.version), days: USUAL_DAYS, mostDays: MOST_DAYS }
}

export const actions: Actions = {
  default: async ({ locals: { api }, params, request }) => {
    const form = await request.formData()
    const version = versionIn(typedText(form, 'version'))
    const days = Math.min(Math.max(Math.trunc(Number(form.get('days'))) || USUAL_DAYS, 1), MOST_DAYS)
    const project = { project_id: params.projectId }
    try {
      const policy_yaml =
        version === undefined
          ? typedText(form, 'policy_yaml')
          : (await api(projects.rpc.getPolicyVersion, { ...project, version })).policy_yaml
      const simulation = await api(projects.rpc.simulatePolicy, { ...project, policy_yaml, days })
      return { simulation, of: version === undefined ? 'the draft' : `version ${version}` }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      return fail(error.status, {
        message: error.message,
        diagnostics: error.diagnostics as ServerDiagnostic[],
        retryAfterSeconds: error.retryAfterSeconds,
      })
    }
  },
}
