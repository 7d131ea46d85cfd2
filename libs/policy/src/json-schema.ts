// The JSON Schema of the document, for editors: the schema's own, and what depends on a rule's decision.
import { z } from 'zod'
import { Policy } from './schema.ts'

type JsonSchema = { [keyword: string]: unknown }

/** A schema of the 2020-12 draft. A document that it refuses is refused by `parsePolicy` too, not the other way. */
export function policyJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(Policy, { io: 'input', target: 'draft-2020-12' }) as JsonSchema
  const { Rule, ...others } = schema['$defs'] as Record<string, JsonSchema>
  return { ...schema, $defs: { ...others, Rule: { ...Rule, allOf: BY_DECISION } } }
}

const isDecision = (words: readonly string[]) => ({
  required: ['decision'],
  properties: { decision: { enum: words } },
})

const BY_DECISION = [
  {
    if: isDecision(['deny']),
    then: {
      properties: {
        limits: false,
        redact: false,
        conditions: { properties: { allowed_domains: false } },
      },
    },
  },
  { if: isDecision(['allow', 'deny']), then: { properties: { timeout: false } } },
]
