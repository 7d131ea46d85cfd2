// How the gateway would decide a call by a draft: it reads the call's arguments itself.
import { json } from '@sveltejs/kit'
import { z } from 'zod'
import { projects } from '@mcpshield/contracts/projects'
import { PolicyTest } from '@mcpshield/policy/schema'
import { refusedAsJson } from '../../refused-as-json.ts'
import { answerIn, trialOf } from '../trial.ts'
import type { RequestHandler } from './$types'

const Question = z.strictObject({ policy_yaml: z.string(), call: PolicyTest.shape.call })

export const POST: RequestHandler = ({ locals: { api }, params, request }) =>
  refusedAsJson(async () => {
    const { policy_yaml, call } = Question.parse(await request.json())
    const organization = await api(projects.rpc.getOrganizationPolicy, {})
    const above = organization.version === 0 ? undefined : organization.policy_yaml
    const trial = trialOf(policy_yaml, above, call)
    if ('problem' in trial) return json(trial)
    const { diagnostics } = await api(projects.rpc.validatePolicy, {
      project_id: params.projectId,
      policy_yaml: trial.text,
    })
    return json(answerIn(diagnostics, trial, above))
  })
