// The document of the policy language, and what a decision looks like. Both go over the wire as JSON, hence
// snake_case. What a schema cannot check (domains, patterns, time zones) is checked in rule-problems.ts.
import { z } from 'zod'
import { Conditions } from './conditions-schema.ts'
import type { FactDeclaration } from './facts.ts'
import { Detector, Limits, RateBy, RedactEntry, Redaction } from './limits-schema.ts'
import { Duration, Glob, Globs, MAX_LIST, Name } from './words.ts'

export { DETECTORS } from './limits-schema.ts'

export const MAX_RULES = 10_000

export const DecisionWord = z.enum(['allow', 'deny', 'ask'])
export type DecisionWord = z.infer<typeof DecisionWord>

export const Rule = z
  .strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ . -')
      .refine((id) => id !== 'default', 'must not be `default`, which names the default decision')
      .optional()
      .meta({
        description:
          'The name that answers and records give for the rule. Unique; `rule-1`, `rule-2` … by place when absent.',
        examples: ['read-analytics'],
      }),
    description: z.string().max(4_000).optional().meta({ description: 'For people. It decides nothing.' }),
    method: Globs.optional().meta({
      description: 'The MCP method; `tools/call` when absent.',
      examples: ['resources/read', 'prompts/*'],
    }),
    tool: Globs.meta({
      description:
        'The canonical name of the tool: `connector.verb` or `upstream/tool`. For resources and prompts, `upstream/<uri or name>`.',
      examples: ['postgres.query', ['github/get_*', 'github/list_*']],
    }),
    decision: DecisionWord.meta({
      description:
        '`allow` decides when the rule holds. `deny` decides when it may hold. `ask` holds the call until a person approves it.',
    }),
    conditions: Conditions.optional().meta({
      description: 'Every one must hold. A rule without conditions always holds.',
    }),
    limits: Limits.optional().meta({ description: 'How often, how much and how long. Not in deny rules.' }),
    redact: z
      .array(RedactEntry)
      .max(MAX_LIST)
      .optional()
      .meta({
        description: 'What must not leave in a result. Not in deny rules.',
        examples: [['email', { fields: ['*.phone'], with: 'hash' }]],
      }),
    timeout: Duration.optional().meta({
      description: 'Of ask rules: how long to wait for a person, 5m when absent. No answer is a denial.',
    }),
  })
  .meta({
    id: 'Rule',
    title: 'Rule',
    description: 'Rules are read from top to bottom; the first that decides, decides.',
  })
export type Rule = z.infer<typeof Rule>

const FactEntry: z.ZodType<FactDeclaration> = z
  .strictObject({
    paths: z
      .array(Name)
      .max(MAX_LIST)
      .exactOptional()
      .meta({ description: 'Arguments that hold file paths.' }),
    urls: z.array(Name).max(MAX_LIST).exactOptional().meta({ description: 'Arguments that hold URLs.' }),
    sql: z
      .strictObject({
        argument: Name.meta({ description: 'The argument that holds the statement.' }),
        dialect: z
          .enum(['postgresql', 'mysql', 'sqlite'])
          .meta({ description: 'Whose grammar it is read by.' }),
        connection: Name.exactOptional().meta({
          description: 'The connection of this project that it runs on: names are then resolved as there.',
        }),
      })
      .exactOptional()
      .meta({ description: 'The argument that holds SQL.' }),
  })
  .meta({
    id: 'FactDeclaration',
    title: 'Where a tool keeps its facts',
    description: 'The tool then has exactly these: nothing else of its arguments is guessed at.',
    examples: [{ sql: { argument: 'statement', dialect: 'postgresql' } }],
  })

const TestContext = z
  .strictObject({
    environment: z.string().exactOptional(),
    key: z.string().exactOptional(),
    labels: z.array(z.string()).exactOptional(),
    agent: z.string().exactOptional(),
    user: z.string().exactOptional(),
    groups: z.array(z.string()).exactOptional(),
    time: z
      .string()
      .exactOptional()
      .meta({ examples: ['2026-01-31T09:00:00Z'] }),
  })
  .meta({ id: 'TestContext', title: 'Who calls, and when' })

export const PolicyTest = z
  .strictObject({
    name: Name.meta({ description: 'What the test guarantees.', examples: ['no secrets table'] }),
    call: z
      .strictObject({
        tool: Name.meta({ description: 'The canonical name of the tool.', examples: ['postgres.query'] }),
        method: Name.optional().meta({ description: 'The MCP method; `tools/call` when absent.' }),
        arguments: z
          .record(z.string(), z.json())
          .optional()
          .meta({ description: "The call's arguments.", examples: [{ sql: 'select * from hr.salaries' }] }),
        context: TestContext.optional().meta({
          description: 'Who calls, and when. What is not given is unknown.',
        }),
      })
      .meta({ description: 'The call that is tried.' }),
    expect: z
      .union([
        DecisionWord,
        z.strictObject({ decision: DecisionWord.optional(), rule: Name.optional() }).meta({
          title: 'The decision, the rule that makes it, or both',
        }),
      ])
      .meta({
        description: 'What must become of it.',
        examples: ['deny', { decision: 'deny', rule: 'default' }],
      }),
  })
  .meta({ id: 'PolicyTest', title: 'Test' })
export type PolicyTest = z.infer<typeof PolicyTest>

export const Policy = z
  .strictObject({
    version: z.literal(1).meta({ description: 'The version of the language.' }),
    default: z.enum(['deny', 'allow']).optional().meta({
      description:
        'What becomes of a call that no rule decides; `deny` when absent. With `allow`, a call with anything unknown about it is denied all the same.',
    }),
    facts: z
      .record(Glob, FactEntry)
      .optional()
      .meta({
        description:
          'Where the tools of other servers keep paths, URLs and SQL, by tool pattern. Our own connectors need no entry.',
        examples: [{ 'warehouse/run_sql': { sql: { argument: 'statement', dialect: 'postgresql' } } }],
      }),
    rules: z.array(Rule).max(MAX_RULES).optional().meta({
      description: 'Read from top to bottom; the first that decides, decides. At most 10,000.',
    }),
    tests: z.array(PolicyTest).max(MAX_RULES).optional().meta({
      description: 'Run whenever the policy is validated; it is not saved when one fails.',
    }),
  })
  .meta({
    title: 'MCPShield policy',
    description:
      'What agents may do: rules on the tables, columns, keys, paths and hosts that a call really touches.',
  })
/** A checked document: plain JSON, the same that was written. */
export type Policy = z.infer<typeof Policy>

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
