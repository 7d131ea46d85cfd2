// A decision asked for without a gateway in between: clients that enforce by themselves.
import { z } from 'zod'
import { contract, rpc } from './define.ts'
import { Empty, Health, Id } from './values.ts'

export const DecisionName = z.enum(['allow', 'deny', 'ask'])

export const Evaluation = z.object({
  decision: DecisionName,
  rule: z.string(),
  reason: z.string(),
  obligations: z.record(z.string(), z.unknown()),
  policy_version: z.int().nullable(),
  decision_id: Id,
})

export const decision = contract('decision', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    evaluateCall: rpc({
      input: z.strictObject({
        tool: z.string().min(1).max(2048),
        arguments: z.record(z.string(), z.json()).default({}),
        method: z.string().min(1).max(128).default('tools/call'),
        context: z
          .strictObject({ agent: z.string().max(200).optional(), request_id: z.string().max(200).optional() })
          .default({}),
      }),
      output: Evaluation,
      errors: ['UNAUTHENTICATED', 'RATE_LIMITED', 'UNAVAILABLE'],
      access: 'api_key',
      http: {
        method: 'POST',
        path: '/policy/evaluate',
        perMinute: 1_000_000,
        summary: 'Decide a call by the project’s policy, and record it',
      },
    }),
  },
})
