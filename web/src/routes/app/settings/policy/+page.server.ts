import { fail } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { ApiError, type Api } from '#lib/server/api.ts'
import { memberNames } from './member-names.server.ts'
import type { SaveRefusal } from './refusal.ts'
import type { Actions, PageServerLoad } from './$types'

export const load: PageServerLoad = async ({ locals }) => ({ policy: await policyInForce(locals.api) })

export const actions: Actions = {
  default: async ({ request, locals }) => {
    const form = await request.formData()
    const text = typed(form, 'policy_yaml')
    const note = typed(form, 'note').trim()
    try {
      const { version, diagnostics } = await locals.api(projects.rpc.saveOrganizationPolicy, {
        policy_yaml: text,
        if_match: typed(form, 'base'),
        ...(note === '' ? {} : { note }),
      })
      return { saved: version, warnings: diagnostics.length }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      const refusal: SaveRefusal = {
        message: error.errors['policy_yaml'] ?? error.errors['note'] ?? error.message,
        diagnostics: error.diagnostics as SaveRefusal['diagnostics'],
        ...{ text, note },
        ...(error.type === 'stale' ? { current: await policyInForce(locals.api) } : {}),
      }
      return fail(error.status, { refusal })
    }
  },
}

/** Forms send lines with carriage returns. */
function typed(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === 'string' ? value.replaceAll('\r\n', '\n') : ''
}

async function policyInForce(api: Api) {
  const [policy, nameOf] = await Promise.all([api(projects.rpc.getOrganizationPolicy, {}), memberNames(api)])
  const { version, policy_yaml, note, created_at, author_id } = policy
  return { version, policy_yaml, note, created_at, author: nameOf(author_id) }
}
