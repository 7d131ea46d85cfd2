// Everything the filters find, as a file: passed on as the API writes it, under the API's name.
import { error } from '@sveltejs/kit'
import { ingest } from '@mcpshield/contracts/ingest'
import { streamFromApi } from '#lib/server/api.ts'
import { apiFilters, readFilters } from '../filters.ts'
import type { RequestHandler } from './$types'

const KEPT_HEADERS = ['content-type', 'content-disposition']

export const GET: RequestHandler = async ({ locals, request, url, getClientAddress }) => {
  if (locals.session === undefined) error(401, 'Sign in first.')
  const { filters, errors } = readFilters((name) => url.searchParams.get(name), locals.timeZone)
  // A file of other calls than those asked for would be believed.
  const [wrong] = Object.values(errors)
  if (wrong !== undefined) error(400, wrong)
  const query = new URLSearchParams(apiFilters(filters, Date.now()) as Record<string, string>)
  query.set('format', url.searchParams.get('format') ?? 'jsonl')
  const answer = await streamFromApi(
    `${ingest.rpc.exportAudits.http?.path}?${query}`,
    { address: getClientAddress(), userAgent: request.headers.get('user-agent') },
    locals.session.access_token,
    request.signal,
  )
  const headers = new Headers()
  for (const name of KEPT_HEADERS) {
    const value = answer.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  return new Response(answer.body, { headers })
}
