import { redirect } from '@sveltejs/kit'
import type { Input } from '@mcpshield/contracts/define'
import { projects, type TokenIssuer } from '@mcpshield/contracts/projects'
import { notConfirmed, notNamed } from '#lib/server/confirmed.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { environmentIn, kindsIn } from '../../infrastructure.ts'
import type { Actions, RequestEvent } from './$types'

type Changes = Omit<Input<typeof projects.rpc.updateProject>, 'project_id'>

export const actions: Actions = {
  general: async (event) => {
    const form = await event.request.formData()
    const texts = textsIn(form)
    return change(event, texts, {
      name: texts['name'] ?? '',
      environment: environmentIn(texts['environment']),
      infrastructure: kindsIn(form),
    })
  },
  kill: async (event) => {
    const texts = textsIn(await event.request.formData())
    return notConfirmed(texts) ?? change(event, texts, { killed: texts['killed'] === 'true' })
  },
  mode: async (event) => {
    const texts = textsIn(await event.request.formData())
    return (
      notConfirmed(texts) ??
      change(event, texts, { mode: texts['mode'] === 'monitor' ? 'monitor' : 'enforce' })
    )
  },
  approvals: async (event) => {
    const texts = textsIn(await event.request.formData())
    return (
      notConfirmed(texts) ??
      change(event, texts, { approve_in_client: texts['approve_in_client'] === 'true' })
    )
  },
  issuer: async (event) => {
    const texts = textsIn(await event.request.formData())
    return change(event, texts, { token_issuer: issuerIn(texts) })
  },
  delete: async ({ locals, params, request }) => {
    const texts = textsIn(await request.formData())
    const { name } = await locals.api(projects.rpc.getProject, { project_id: params.projectId })
    return (
      notNamed(texts, name) ??
      orRefusal(texts, async () => {
        await locals.api(projects.rpc.deleteProject, { project_id: params.projectId })
        redirect(303, '/app/projects')
      })
    )
  },
}

function change({ locals, params }: RequestEvent, values: Record<string, string>, changes: Changes) {
  return orRefusal(values, async () => {
    await locals.api(projects.rpc.updateProject, { project_id: params.projectId, ...changes })
    return { saved: true }
  })
}

/** None where its field is empty. */
function issuerIn(texts: Record<string, string>): TokenIssuer | null {
  const { issuer, jwks_url: jwksUrl, groups_claim: groupsClaim } = texts
  if (!issuer) return null
  return {
    issuer,
    ...(jwksUrl ? { jwks_url: jwksUrl } : {}),
    ...(groupsClaim ? { groups_claim: groupsClaim } : {}),
  }
}
