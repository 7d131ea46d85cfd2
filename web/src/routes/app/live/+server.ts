// The API's live events, passed on: the browser has no token to ask for them itself.
import { error } from '@sveltejs/kit'
import { live } from '@mcpshield/contracts/live'
import { streamFromApi } from '#lib/server/api.ts'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = async ({ locals, request, url, getClientAddress }) => {
  if (locals.session === undefined) error(401, 'Sign in first.')
  const browser = { address: getClientAddress(), userAgent: request.headers.get('user-agent') }
  const answer = await streamFromApi(
    `${live.path}${url.search}`,
    browser,
    locals.session.access_token,
    request.signal,
  )
  return new Response(answer.body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  })
}
