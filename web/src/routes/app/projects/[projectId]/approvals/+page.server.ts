import { projects } from '@mcpshield/contracts/projects'
import { actions as decisions } from './decide.ts'
import { heldCall, namesOf } from './held-calls.ts'
import { byExpiry, stateIn } from './states.ts'
import type { Actions, PageServerLoad } from './$types'

/** Shown with all that is needed to decide them; the others wait for their turn below. */
const SHOWN_IN_FULL = 10
const MAX_PENDING = 200
const PAGE = 25

export const load: PageServerLoad = async ({ locals, params, url, parent, depends }) => {
  depends('app:approvals')
  const project_id = params.projectId
  const state = stateIn(url.searchParams.get('state'))
  const cursor = url.searchParams.get('cursor') ?? undefined
  const { organization } = await parent()
  const [pending, history, names] = await Promise.all([
    state === undefined || state === 'pending'
      ? locals.api(projects.rpc.listApprovals, { project_id, state: 'pending', limit: MAX_PENDING })
      : undefined,
    state === 'pending'
      ? undefined
      : locals.api(projects.rpc.listApprovals, {
          project_id,
          limit: PAGE,
          ...(state === undefined ? {} : { state }),
          ...(cursor === undefined ? {} : { cursor }),
        }),
    namesOf(locals.api, project_id),
  ])
  const waiting = (pending?.items ?? []).toSorted(byExpiry)
  return {
    state,
    nowMs: Date.now(),
    waiting: await Promise.all(
      waiting.slice(0, SHOWN_IN_FULL).map((each) => heldCall(locals.api, organization.role, each)),
    ),
    moreWaiting: waiting.slice(SHOWN_IN_FULL),
    isMoreThanListed: pending?.next_cursor != null,
    history: history?.items.filter((each) => each.state !== 'pending'),
    next: history?.next_cursor ?? null,
    previous: history?.prev_cursor ?? null,
    names,
  }
}

export const actions: Actions = decisions
