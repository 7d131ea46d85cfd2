import { redirect } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import { notNamed } from '#lib/server/confirmed.ts'
import { orRefusal, refuse, textsIn } from '#lib/server/refusal.ts'
import type { Actions, PageServerLoad, RequestEvent } from './$types'

const at = ({ params }: Pick<RequestEvent, 'params'>) => ({
  project_id: params.projectId,
  upstream_id: params.upstreamId,
})

export const load: PageServerLoad = async ({ locals: { api }, params, url }) => {
  const cursor = url.searchParams.get('cursor')
  const [upstream, tools] = await Promise.all([
    api(projects.rpc.getUpstream, at({ params })),
    api(projects.rpc.listTools, {
      ...at({ params }),
      limit: 100,
      ...(cursor === null ? {} : { cursor }),
    }),
  ])
  return { upstream, tools: tools.items, next: tools.next_cursor, previous: tools.prev_cursor }
}

export const actions: Actions = {
  test: (event) =>
    orRefusal({}, async () => ({
      id: event.params.upstreamId,
      trial: await event.locals.api(projects.rpc.testUpstream, at(event)),
    })),

  authorize: (event) =>
    orRefusal({}, async () => {
      const { authorization_url: url } = await event.locals.api(projects.rpc.authorizeUpstream, at(event))
      if (url !== null && !/^https?:$/.test(new URL(url).protocol))
        return refuse(502, { message: 'The server named an address that no browser should open.' })
      return { authorizationUrl: url, authorized: url === null }
    }),

  accept: async (event) => {
    const texts = textsIn(await event.request.formData())
    return orRefusal({}, async () => {
      const { name } = await event.locals.api(projects.rpc.acceptTool, {
        ...at(event),
        name: texts['name'] ?? '',
        ...(texts['offered_at'] ? { offered_at: texts['offered_at'] } : {}),
      })
      return { accepted: name }
    })
  },

  delete: async (event) => {
    const texts = textsIn(await event.request.formData())
    const { slug } = await event.locals.api(projects.rpc.getUpstream, at(event))
    return (
      notNamed(texts, slug) ??
      orRefusal(texts, async () => {
        await event.locals.api(projects.rpc.deleteUpstream, at(event))
        redirect(303, `/app/projects/${event.params.projectId}/servers`)
      })
    )
  },
}
