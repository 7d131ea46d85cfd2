// What the model is asked to fill in: changes to a policy, not a whole one, so that what it forgets to repeat stays. Derived
// from the policy's own JSON Schema, without what a small model trips over: references, prose, the rarest conditions.
import { policyJsonSchema } from '@mcpshield/policy/json-schema'

type Schema = { [keyword: string]: unknown }

const MAX_RULES = 20
const MAX_TESTS = 12
const MAX_NAMES = 30
const RULE = ['id', 'tool', 'decision', 'conditions', 'limits', 'redact'] as const
const CONDITIONS = [
  'path_prefix',
  'allowed_domains',
  'connection',
  'operations',
  'resources',
  'fields',
  'environment',
  'key',
  'labels',
  'groups',
  'time',
  'parameters',
] as const

/** The schema of a proposal; the same object each time. */
export function proposalSchema(): object {
  return (schema ??= built())
}

let schema: object | undefined

function built(): object {
  const whole = policyJsonSchema()
  const defs = whole['$defs'] as Record<string, Schema>
  const rule = defs['Rule'] as Schema
  const properties = rule['properties'] as Record<string, Schema>
  const conditions = inlined(properties['conditions'] as Schema, defs)
  return {
    type: 'object',
    properties: {
      reply: { type: 'string' },
      default: { enum: ['deny', 'allow'] },
      remove: { type: 'array', items: { type: 'string' }, maxItems: MAX_RULES },
      rules: {
        type: 'array',
        maxItems: MAX_RULES,
        items: {
          type: 'object',
          properties: {
            ...pick(properties, RULE, defs),
            conditions: {
              type: 'object',
              properties: pick(conditions['properties'] as Record<string, Schema>, CONDITIONS, defs),
              additionalProperties: false,
            },
          },
          required: ['id', 'tool', 'decision'],
          additionalProperties: false,
        },
      },
      tests: {
        type: 'array',
        maxItems: MAX_TESTS,
        items: {
          type: 'object',
          properties: {
            name: { type: 'string' },
            tool: { type: 'string' },
            arguments: { type: 'object' },
            expect: { enum: ['allow', 'deny', 'ask'] },
          },
          required: ['name', 'tool', 'arguments', 'expect'],
          additionalProperties: false,
        },
      },
    },
    required: ['reply', 'rules', 'tests'],
    additionalProperties: false,
  }
}

function pick(
  properties: Record<string, Schema>,
  names: readonly string[],
  defs: Record<string, Schema>,
): Schema {
  return Object.fromEntries(names.map((name) => [name, inlined(properties[name] ?? {}, defs)]))
}

/** For people who write by hand, and bounds that the language checks: servers make long grammars of them. */
const PROSE = new Set(
  ['title', 'description', 'examples', 'id', '$schema', 'default', 'pattern', 'propertyNames'].concat([
    'minLength',
    'maxLength',
    'minimum',
    'maximum',
    'minItems',
    'allOf',
  ]),
)

function inlined(part: Schema, defs: Record<string, Schema>): Schema {
  const { $ref: reference, ...own } = part
  const name = typeof reference === 'string' ? (reference.split('/').at(-1) ?? '') : undefined
  // Any JSON at all refers to itself; of arguments, plain values are enough.
  if (name?.startsWith('__')) return { type: ['string', 'number', 'boolean'] }
  const base = name === undefined ? {} : (defs[name] ?? {})
  const entries = Object.entries({ ...base, ...own }).filter(([keyword]) => !PROSE.has(keyword))
  return Object.fromEntries(
    entries.map(([keyword, value]) => [
      keyword,
      keyword === 'properties' ? mapped(value, defs) : inlinedValue(keyword, value, defs),
    ]),
  )
}

/** Names of properties are kept, whatever they are. */
function mapped(properties: unknown, defs: Record<string, Schema>): Schema {
  return Object.fromEntries(
    Object.entries(properties as Record<string, Schema>).map(([name, each]) => [name, inlined(each, defs)]),
  )
}

function inlinedValue(name: string, value: unknown, defs: Record<string, Schema>): unknown {
  if (name === 'maxItems') return Math.min(value as number, MAX_NAMES)
  if (Array.isArray(value)) return value.map((each: unknown) => (isSchema(each) ? inlined(each, defs) : each))
  return isSchema(value) ? inlined(value, defs) : value
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
