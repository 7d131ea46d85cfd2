// What both pages of approvals do: say the word on one held call.
import { projects } from '@mcpshield/contracts/projects'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import type { RequestEvent } from '@sveltejs/kit'

type Event = RequestEvent<{ projectId: string }>

const decide =
  (def: typeof projects.rpc.approveCall | typeof projects.rpc.refuseCall) => async (event: Event) => {
    const { request, locals, params } = event
    const texts = textsIn(await request.formData())
    const note = texts['note'] ?? ''
    return orRefusal(texts, async () => {
      const approval = await locals.api(def, {
        project_id: params.projectId,
        approval_id: texts['approval_id'] ?? '',
        ...(note === '' ? {} : { note }),
      })
      return { decided: { id: approval.id, tool: approval.tool, state: approval.state } }
    })
  }

export const actions = {
  approve: decide(projects.rpc.approveCall),
  refuse: decide(projects.rpc.refuseCall),
}
