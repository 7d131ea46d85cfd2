import { projects } from '@mcpshield/contracts/projects'
import { notNamed } from '#lib/server/confirmed.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import type { Actions } from './$types'

export const actions: Actions = {
  rename: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      await locals.api(projects.rpc.updateOrganization, { name: texts['name'] ?? '' })
      return { done: 'rename', message: 'Saved.' }
    })
  },

  kill: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    const killed = texts['killed'] === 'true'
    const refused = killed ? notNamed(texts) : undefined
    return (
      refused ??
      orRefusal(texts, async () => {
        await locals.api(projects.rpc.updateOrganization, { killed })
        const message = killed
          ? 'The kill switch is on: every call of every project is denied.'
          : 'The kill switch is off: the policies decide again.'
        return { done: 'kill', message }
      })
    )
  },

  switch: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      const { name } = await locals.api(projects.rpc.switchOrganization, {
        organization_id: texts['organization_id'] ?? '',
      })
      return { done: 'switch', message: `You work in ${name} now.` }
    })
  },
}
