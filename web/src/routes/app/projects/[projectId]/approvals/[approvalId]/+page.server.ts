import { actions as decisions } from '../decide.ts'
import { findHeldCall, namesOf } from '../held-calls.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals, params, parent, depends }) => {
  depends('app:approvals')
  const { organization } = await parent()
  const ids = { project_id: params.projectId, approval_id: params.approvalId }
  const [held, names] = await Promise.all([
    findHeldCall(locals.api, organization.role, ids),
    namesOf(locals.api, params.projectId),
  ])
  return { held, names, nowMs: Date.now() }
}

export const actions: Actions = decisions
