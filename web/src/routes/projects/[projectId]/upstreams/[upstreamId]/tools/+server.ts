// Where the link in a mail about a changed tool leads: the server's page of the app, with the difference.
import { redirect } from '@sveltejs/kit'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = ({ params: { projectId, upstreamId } }) => {
  const [project, upstream] = [encodeURIComponent(projectId), encodeURIComponent(upstreamId)]
  redirect(303, `/app/projects/${project}/servers/upstreams/${upstream}`)
}
