import { redirect } from '@sveltejs/kit'
import { Role } from '@mcpshield/contracts/caller'
import { projects } from '@mcpshield/contracts/projects'
import { hasRight } from '@mcpshield/contracts/rights'
import { notNamed } from '#lib/server/confirmed.ts'
import { orRefusal, textsIn } from '#lib/server/refusal.ts'
import { untilInOrganization } from './until-in-organization.server.ts'
import type { Actions, PageServerLoad } from './$types'

/** More cannot be open. */
const INVITATIONS = 100

export const load: PageServerLoad = async ({ locals, parent, url }) => {
  const { organization } = await parent()
  const cursor = url.searchParams.get('cursor')
  const [members, invitations] = await Promise.all([
    locals.api(projects.rpc.listMembers, cursor === null ? {} : { cursor }),
    hasRight(organization.role, 'administer')
      ? locals.api(projects.rpc.listInvitations, { limit: INVITATIONS })
      : undefined,
  ])
  return { members, invitations: invitations?.items, joined: url.searchParams.has('joined') }
}

const roleIn = (texts: Record<string, string>) => Role.catch('viewer').parse(texts['role'])

export const actions: Actions = {
  invite: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      const { email } = await locals.api(projects.rpc.createInvitation, {
        email: texts['email'] ?? '',
        role: roleIn(texts),
      })
      return { done: 'invite', message: `An invitation was mailed to ${email}. It is good for seven days.` }
    })
  },

  takeBack: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      await locals.api(projects.rpc.revokeInvitation, { invitation_id: texts['invitation_id'] ?? '' })
      return { done: 'invitations', message: 'The invitation was taken back: its link leads nowhere.' }
    })
  },

  role: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return orRefusal(texts, async () => {
      const { email, role } = await locals.api(projects.rpc.updateMember, {
        user_id: texts['user_id'] ?? '',
        role: roleIn(texts),
      })
      return { done: 'members', message: `${email ?? 'The member'} is ${role} now.` }
    })
  },

  remove: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return (
      notNamed(texts) ??
      orRefusal(texts, async () => {
        await locals.api(projects.rpc.removeMember, { user_id: texts['user_id'] ?? '' })
        return { done: 'members', message: 'The member was removed.' }
      })
    )
  },

  leave: async ({ request, locals }) => {
    const texts = textsIn(await request.formData())
    return (
      notNamed(texts) ??
      orRefusal(texts, async () => {
        await locals.api(projects.rpc.removeMember, { user_id: locals.session!.user.id })
        await untilInOrganization(locals.api)
        redirect(303, '/app/projects')
      })
    )
  },
}
