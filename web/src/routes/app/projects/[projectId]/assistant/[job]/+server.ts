// A stream of the assistant, passed on as it comes: the browser has no token to ask for it itself.
import { error } from '@sveltejs/kit'
import { ai } from '@mcpshield/contracts/ai'
import { z } from 'zod'
import { streamFromApi } from '#lib/server/api.ts'
import { refusedAsJson } from '../../policy/refused-as-json.ts'
import type { RequestHandler } from './$types'

const ENDPOINTS = { policies: ai.rpc.draftPolicy, analyze: ai.rpc.analyze, advise: ai.rpc.advise }

export const POST: RequestHandler = ({ locals, params, request, getClientAddress }) =>
  refusedAsJson(async () => {
    const { session } = locals
    if (session === undefined) error(401, 'Sign in first.')
    const endpoint = Object.entries(ENDPOINTS).find(([job]) => job === params.job)?.[1]
    if (endpoint?.http === undefined) error(404, 'There is no such work.')
    const asked = z.record(z.string(), z.unknown()).parse(await request.json())
    const answer = await streamFromApi(
      endpoint.http.path,
      { address: getClientAddress(), userAgent: request.headers.get('user-agent') },
      session.access_token,
      request.signal,
      { ...asked, project_id: params.projectId },
    )
    return new Response(answer.body, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
    })
  })
