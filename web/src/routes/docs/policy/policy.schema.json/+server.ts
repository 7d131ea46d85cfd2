// The schema of the policy language, for editors.
import { policyJsonSchema } from '@mcpshield/policy/json-schema'
import { json } from '@sveltejs/kit'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = () =>
  json(policyJsonSchema(), { headers: { 'cache-control': 'max-age=3600' } })
