import { error, fail, redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { rowsOfUnified, type DiffRow } from '#lib/editor/diff-rows.ts'
import { ApiError, type Api } from '#lib/server/api.ts'
import { peopleOf } from '../../people.ts'
import { versionIn } from '../version-number.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals: { api }, params, url, parent }) => {
  const version = numberOf(params.version)
  const given = versionIn(url.searchParams.get('against'))
  const against = given ?? (version === 1 ? undefined : version - 1)
  const { policy } = await parent()
  const [shown, nameOf, changed, back] = await Promise.all([
    api(projects.rpc.getPolicyVersion, { project_id: params.projectId, version }),
    peopleOf(api),
    against === undefined ? null : difference(api, params.projectId, against, version),
    version === policy.version ? null : difference(api, params.projectId, policy.version, version),
  ])
  return { shown: { ...shown, author: nameOf(shown.author_id) }, against, changed, back }
}

export const actions: Actions = {
  rollback: async ({ locals: { api }, params, request }) => {
    const form = await request.formData()
    // Without JavaScript nothing asks before this does.
    if (form.get('confirmed') !== 'yes') return { confirming: true }
    try {
      await api(projects.rpc.rollbackPolicy, {
        project_id: params.projectId,
        version: numberOf(params.version),
        if_match: String(form.get('base') ?? ''),
      })
    } catch (refused) {
      if (!(refused instanceof ApiError)) throw refused
      return fail(refused.status, { message: refused.message, type: refused.type })
    }
    redirect(303, `/app/projects/${params.projectId}/policy/versions`)
  },
}

function numberOf(text: string): number {
  return versionIn(text) ?? error(404, 'There is no such version.')
}

async function difference(api: Api, projectId: string, from: number, to: number): Promise<DiffRow[]> {
  if (from === to) return []
  const { diff } = await api(projects.rpc.diffPolicyVersions, {
    project_id: projectId,
    version: to,
    against: from,
  })
  return rowsOfUnified(diff)
}
