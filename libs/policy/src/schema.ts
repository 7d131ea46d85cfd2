// The document of the policy language, and what a decision looks like. Both go over the wire as JSON, hence
// snake_case. Types that a schema cannot check (globs, patterns, time zones) are checked in problems.ts.
import { z } from 'zod'
import type { FactDeclaration } from './facts.ts'
import { DURATION, durationMs } from './durations.ts'

export const MAX_RULES = 10_000
const MAX_LIST = 1_000
const MAX_NAME_UNITS = 1_000

const Name = z.string().min(1, 'must not be empty').max(MAX_NAME_UNITS)
const Glob = Name.describe('`*` stands for any run of characters, `?` for one')

function oneOrMore<Item extends z.ZodType>(item: Item) {
  return z.union([item, z.array(item).min(1, 'must not be an empty list').max(MAX_LIST)])
}

const Duration = z
  .string()
  .regex(DURATION, 'must be a duration such as 500ms, 30s, 5m, 1h or 7d')
  .refine((text) => durationMs(text) !== undefined, 'must be at most 31 days')

export const DecisionWord = z.enum(['allow', 'deny', 'ask'])
export type DecisionWord = z.infer<typeof DecisionWord>

export const DETECTORS = [
  ...[
    'private_key',
    'jwt',
    'aws_key',
    'github_token',
    'gitlab_token',
    'slack_token',
    'stripe_key',
    'google_key',
  ],
  ...['ai_key', 'registry_token', 'cloud_token', 'chat_token', 'mail_key', 'commerce_key', 'saas_token'],
  ...[
    'connection_string',
    'http_credentials',
    'credit_card',
    'iban',
    'ssn',
    'email',
    'phone',
    'generic_secret',
  ],
] as const
const Detector = z.enum(DETECTORS)
const ReplaceWith = z.enum(['mask', 'hash', 'drop'])

const DetectorRedaction = z.strictObject({ detector: Detector, with: ReplaceWith.optional() })
const PatternRedaction = z.strictObject({ pattern: Name, with: ReplaceWith.optional() })
const FieldsRedaction = z.strictObject({
  fields: z.array(Glob).min(1).max(MAX_LIST),
  with: ReplaceWith.optional(),
})
const DenyArguments = z.strictObject({
  detector: Detector,
  on: z.literal('arguments'),
  deny: z.literal(true),
})

/** One entry of `redact:` as written; a bare name is that detector. */
export const RedactEntry = z.union([
  Detector,
  DetectorRedaction,
  PatternRedaction,
  FieldsRedaction,
  DenyArguments,
])
export type RedactEntry = z.infer<typeof RedactEntry>

export const RateBy = z.enum(['key', 'agent', 'project', 'user'])
export const RateLimit = z.strictObject({
  calls: z.int().min(1).max(1_000_000),
  per: Duration,
  by: RateBy.optional().describe('who shares the window; the API key when absent'),
})
export const Limits = z.strictObject({
  rate_limit: RateLimit.optional(),
  max_rows: z.int().min(1).optional(),
  max_bytes: z.int().min(1).optional(),
  timeout: Duration.optional().describe('how long the call may run'),
})
export type Limits = z.infer<typeof Limits>

const JSON_TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'] as const
const JsonType = z.enum(JSON_TYPES)
export const FORMATS = ['email', 'uri', 'uuid', 'date', 'date-time', 'ipv4', 'ipv6', 'hostname'] as const

const constraintFields = {
  type: oneOrMore(JsonType).optional(),
  enum: z.array(z.json()).min(1).max(MAX_LIST).optional(),
  const: z.json().optional(),
  pattern: Name.optional().describe('RE2 syntax; must match the whole value'),
  format: z.enum(FORMATS).optional(),
  minLength: z.int().min(0).optional(),
  maxLength: z.int().min(0).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
}
// Items of items are bounded by writing them out: no schema of a policy refers to itself.
const ItemConstraint = z.strictObject({
  ...constraintFields,
  items: z.strictObject(constraintFields).optional(),
})
/** A subset of JSON Schema about one argument. */
export const Constraint = z.strictObject({
  ...constraintFields,
  required: z.boolean().optional(),
  items: ItemConstraint.optional(),
})
export type Constraint = z.infer<typeof Constraint>

export const Operation = z.enum(['read', 'write', 'schema', 'admin'])

export const TimeWindow = z.strictObject({
  days: oneOrMore(Name).optional().describe('mon, tue … sun, or a range such as mon-fri'),
  hours: oneOrMore(Name)
    .optional()
    .describe('09:00-18:00; 22:00-06:00 ends on the day after the one it began on'),
  timezone: Name.optional().describe('IANA name; UTC when absent'),
})
export type TimeWindow = z.infer<typeof TimeWindow>

export const Conditions = z.strictObject({
  path_prefix: oneOrMore(Name).optional(),
  allowed_domains: oneOrMore(z.string().max(MAX_NAME_UNITS)).optional(),
  blocked_domains: oneOrMore(z.string().max(MAX_NAME_UNITS)).optional(),
  connection: oneOrMore(Glob).optional(),
  operations: oneOrMore(Operation).optional(),
  resources: oneOrMore(Glob).optional(),
  fields: oneOrMore(Glob).optional(),
  functions: oneOrMore(Glob).optional(),
  parameters: z.record(Name, Constraint).optional(),
  environment: oneOrMore(Glob).optional(),
  key: oneOrMore(Glob).optional(),
  labels: oneOrMore(Glob).optional(),
  agent: oneOrMore(Glob).optional(),
  user: oneOrMore(Glob).optional(),
  groups: oneOrMore(Glob).optional(),
  time: TimeWindow.optional(),
})
export type Conditions = z.infer<typeof Conditions>

export const Rule = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ . -')
    .refine((id) => id !== 'default', 'must not be `default`, which names the default decision')
    .optional(),
  description: z.string().max(4_000).optional(),
  method: oneOrMore(Glob).optional().describe('the MCP method; tools/call when absent'),
  tool: oneOrMore(Glob),
  decision: DecisionWord,
  conditions: Conditions.optional(),
  limits: Limits.optional(),
  redact: z.array(RedactEntry).max(MAX_LIST).optional(),
  timeout: Duration.optional().describe('ask rules: how long to wait for a person; 5m when absent'),
})
export type Rule = z.infer<typeof Rule>

const FactEntry: z.ZodType<FactDeclaration> = z.strictObject({
  paths: z.array(Name).max(MAX_LIST).exactOptional(),
  urls: z.array(Name).max(MAX_LIST).exactOptional(),
  sql: z
    .strictObject({
      argument: Name,
      dialect: z.enum(['postgresql', 'mysql', 'sqlite']),
      connection: Name.exactOptional(),
    })
    .exactOptional(),
})

export const PolicyTest = z.strictObject({
  name: Name,
  call: z.strictObject({
    tool: Name,
    method: Name.optional(),
    arguments: z.record(z.string(), z.json()).optional(),
    context: z
      .strictObject({
        environment: z.string().exactOptional(),
        key: z.string().exactOptional(),
        labels: z.array(z.string()).exactOptional(),
        agent: z.string().exactOptional(),
        user: z.string().exactOptional(),
        groups: z.array(z.string()).exactOptional(),
        time: z.string().exactOptional(),
      })
      .optional(),
  }),
  expect: z.union([
    DecisionWord,
    z.strictObject({ decision: DecisionWord.optional(), rule: Name.optional() }),
  ]),
})
export type PolicyTest = z.infer<typeof PolicyTest>

export const Policy = z.strictObject({
  version: z.literal(1),
  default: z.enum(['deny', 'allow']).optional(),
  facts: z.record(Glob, FactEntry).optional(),
  rules: z.array(Rule).max(MAX_RULES).optional(),
  tests: z.array(PolicyTest).max(MAX_RULES).optional(),
})
/** A checked document: plain JSON, the same that was written. */
export type Policy = z.infer<typeof Policy>

/** What must not leave in a result. */
export const Redaction = z.union([DetectorRedaction, PatternRedaction, FieldsRedaction])
export type Redaction = z.infer<typeof Redaction>

/** What the caller of `decide` must see to when it lets the call through. */
export const Obligations = z.object({
  /** Every window must have room; each names the rule that brought it. */
  rate_limits: z.array(z.object({ rule: z.string(), calls: z.int(), per_ms: z.int(), by: RateBy })),
  max_rows: z.int().optional(),
  max_bytes: z.int().optional(),
  timeout_ms: z.int().optional(),
  /** Set when the decision is ask. */
  ask_timeout_ms: z.int().optional(),
  redact: z.array(Redaction),
  /** The call is to be denied, by that rule, when its arguments carry what the detector finds. */
  deny_arguments: z.array(z.object({ rule: z.string(), detector: Detector })).optional(),
})
export type Obligations = z.infer<typeof Obligations>

/** What a rule made of a call, for people who may read the policy. */
export const TraceEntry = z.object({
  rule: z.string(),
  decision: DecisionWord,
  /** `holds` for every fact, `may_hold` for some or for what is not known, or `no`. */
  matches: z.enum(['holds', 'may_hold', 'no']),
  /** `decided`, `marked` (the call needs approval), `added` (its obligations only), or `passed`. */
  outcome: z.enum(['decided', 'marked', 'added', 'passed']),
  why: z.string(),
})
export type TraceEntry = z.infer<typeof TraceEntry>

export const Decision = z.object({
  decision: DecisionWord,
  /** The rule that decided, or `default`. */
  rule: z.string(),
  reason: z.string(),
  obligations: Obligations,
  trace: z.array(TraceEntry).optional(),
})
export type Decision = z.infer<typeof Decision>

/** The id of the rule at that place of the document, `rule-1` for the first that has none of its own. */
export function ruleId(rule: Rule, index: number): string {
  return rule.id ?? `rule-${index + 1}`
}

/** A value that may be written alone or as a list, as a list. */
export function listOf<Item>(value: Item | readonly Item[]): readonly Item[] {
  return Array.isArray(value) ? (value as readonly Item[]) : [value as Item]
}
