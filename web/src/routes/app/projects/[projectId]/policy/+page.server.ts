import { savePolicy } from './save.ts'
import type { Actions } from './$types'

export const actions: Actions = {
  save: async ({ request, locals, params }) =>
    savePolicy(locals.api, params.projectId, await request.formData()),
}
