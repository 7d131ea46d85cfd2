// What the API says of a draft: it alone can read SQL, so it runs the policy's own tests.
import { json } from '@sveltejs/kit'
import { z } from 'zod'
import { projects } from '@mcpshield/contracts/projects'
import { refusedAsJson } from '../refused-as-json.ts'
import type { RequestHandler } from './$types'

const Draft = z.strictObject({ policy_yaml: z.string() })

export const POST: RequestHandler = ({ locals, params, request }) =>
  refusedAsJson(async () => {
    const { policy_yaml } = Draft.parse(await request.json())
    const checked = await locals.api(projects.rpc.validatePolicy, {
      project_id: params.projectId,
      policy_yaml,
    })
    return json(checked)
  })
