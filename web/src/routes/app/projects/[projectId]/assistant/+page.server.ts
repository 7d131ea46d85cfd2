import { ai } from '@mcpshield/contracts/ai'
import { projects } from '@mcpshield/contracts/projects'
import { ApiError } from '#lib/server/api.ts'
import { notConfirmed } from '#lib/server/confirmed.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import type { Actions, PageServerLoad } from './$types'

const LISTED = 20

export const load: PageServerLoad = async ({ locals: { api }, params, url, depends }) => {
  depends('app:assistant')
  const project = { project_id: params.projectId }
  const conversationId = url.searchParams.get('conversation')
  const cursor = url.searchParams.get('cursor')
  const [policy, assistant] = await Promise.all([
    api(projects.rpc.getPolicy, project),
    orUnavailable(() =>
      Promise.all([
        api(ai.rpc.getAiUsage, {}),
        api(ai.rpc.listConversations, { ...project, limit: LISTED, ...(cursor === null ? {} : { cursor }) }),
        conversationId === null
          ? undefined
          : api(ai.rpc.getConversation, { conversation_id: conversationId }),
      ]),
    ),
  ])
  const { version, policy_yaml } = policy
  if (typeof assistant === 'string') return { policy: { version, policy_yaml }, unavailable: assistant }
  const [usage, conversations, conversation] = assistant
  return { policy: { version, policy_yaml }, usage, conversations, conversation }
}

/** Without the assistant's service the page says so; the rest of the product goes on. */
async function orUnavailable<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask()
  } catch (refused) {
    if (refused instanceof ApiError && [503, 504].includes(refused.status)) return refused.message
    throw refused
  }
}

export const actions: Actions = {
  forget: async ({ locals, request }) => {
    const texts = textsIn(await request.formData())
    return (
      notConfirmed(texts) ??
      orRefusal(texts, async () => {
        await locals.api(ai.rpc.deleteConversation, { conversation_id: texts['conversation_id'] ?? '' })
        return { forgotten: texts['conversation_id'] }
      })
    )
  },
}
