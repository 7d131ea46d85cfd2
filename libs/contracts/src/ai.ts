// The assistant: it proposes policies, looks for weaknesses and gives advice. It never saves anything, and what a proposal
// would change is told by the engine, never by the model.
import { z } from 'zod'
import { DecisionName } from './decision.ts'
import { contract, rpc } from './define.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { Month } from './ingest.ts'
import { Diagnostic, Infrastructure } from './projects.ts'
import { Empty, Health, Id, Page, Time, pageOf } from './values.ts'

export const AiJob = z.enum(['policies', 'analyze', 'advise'])
export type AiJob = z.infer<typeof AiJob>

/** `template`: the built-in recognisers, without a model. */
export const AiSource = z.enum(['model', 'template'])
export type AiSource = z.infer<typeof AiSource>

/** A call that shows a change, in words, and what becomes of it before and after. */
export const ChangeExample = z.object({
  call: z.string(),
  before: z.object({ decision: DecisionName, rule: z.string() }),
  after: z.object({ decision: DecisionName, rule: z.string() }),
})

/** One thing that the draft decides otherwise than what is in force. */
export const PolicyChange = z.object({
  /**
   * `rule`: a rule that was not there, or was narrower. `order`: a rule that stood in its way does so no more. `default`,
   * `facts`, `limits`, `redaction`: what they are named after.
   */
  kind: z.enum(['rule', 'order', 'default', 'facts', 'limits', 'redaction']),
  /** The rule of the draft that it comes by (of what is in force, where the draft has it no more); null where it is none. */
  rule: z.string().nullable(),
  /** A sentence. */
  text: z.string(),
  /** Found by trying; there may be calls of the kind though none was found. */
  examples: z.array(ChangeExample),
})
export type PolicyChange = z.infer<typeof PolicyChange>

export const DraftTest = z.object({
  name: z.string(),
  tool: z.string(),
  arguments: z.record(z.string(), z.json()),
  expected: DecisionName,
  got: DecisionName,
  /** What decided it, and why. */
  rule: z.string(),
  reason: z.string(),
  passed: z.boolean(),
})
export type DraftTest = z.infer<typeof DraftTest>

/** A proposal, checked as it would be to be saved. Saving is another call, of a person: PUT /projects/{id}/policy. */
export const Draft = z.object({
  /** YAML. With problems of severity error it could not be saved as it is. */
  policy: z.string(),
  valid: z.boolean(),
  problems: z.array(Diagnostic),
  /** What the draft says, rule by rule, in plain words. */
  summary: z.array(z.string()),
  /** Against the policy that the draft began from: a unified diff; empty when they are the same. */
  diff: z.object({ added_lines: z.int(), removed_lines: z.int(), diff: z.string() }),
  /**
   * Against what is in force, the organisation's policy above it included. Complete: whatever would be allowed and was not
   * before, or would owe less, is of one of these. A change may be listed though no call of it exists.
   */
  newly_allowed: z.array(PolicyChange),
  /** Asked for, and denied before. Complete as well. */
  newly_asked: z.array(PolicyChange),
  /** Denied or asked for, and allowed before; or owing more. Complete as well. */
  newly_denied: z.array(PolicyChange),
  /** Nothing is told of changes where the draft is no policy at all, or there is too much to compare. */
  compared: z.boolean(),
  tests: z.array(DraftTest),
  /** How often it was written, 1 when the first was right. */
  attempts: z.int(),
  source: AiSource,
})
export type Draft = z.infer<typeof Draft>

/** What deterministic code found; never the model. */
export const Finding = z.object({
  severity: z.enum(['high', 'medium', 'low', 'info']),
  code: z.string(),
  message: z.string(),
  /** In the policy. */
  line: z.int().nullable(),
  fix: z.string().nullable(),
})
export type Finding = z.infer<typeof Finding>

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]

/** The data of one event; the event's name is its `type`. docs/assistant.md says how they follow each other. */
export const AiEvent = z.discriminatedUnion('type', [
  /** The first: who answers. A conversation is remembered of POST /ai/policies only. */
  z.object({
    type: z.literal('conversation'),
    conversation_id: Id.nullable(),
    source: AiSource,
    /** Null where no model answers. */
    model: z.string().nullable(),
    /** Why no model does, where one was to: a sentence. */
    notice: z.string().nullable(),
  }),
  z.object({
    type: z.literal('step'),
    step: z.enum(['reading', 'writing', 'checking', 'repairing']),
    attempt: z.int(),
  }),
  /** A piece of prose, to be appended; plain text, to be shown as such. */
  z.object({ type: z.literal('text'), source: AiSource, delta: z.string() }),
  z.object({ type: z.literal('draft'), draft: Draft }),
  z.object({ type: z.literal('finding'), finding: Finding }),
  z.object({
    type: z.literal('usage'),
    input_tokens: z.int(),
    output_tokens: z.int(),
    /** Whether this use counts against the plan. */
    counted: z.boolean(),
    used: z.int(),
    limit: z.int().nullable(),
  }),
  z.object({
    type: z.literal('error'),
    code: z.enum(codes),
    message: z.string(),
    /** Whether this use was given back. */
    refunded: z.boolean(),
  }),
  /** The last. A stream that ends without it was cut off. */
  z.object({ type: z.literal('done'), outcome: z.enum(['completed', 'failed', 'stopped']) }),
])
export type AiEvent = z.infer<typeof AiEvent>

export const ConversationHead = z.object({
  id: Id,
  project_id: Id,
  /** The beginning of its first message. */
  title: z.string(),
  messages: z.int(),
  created_at: Time,
  updated_at: Time,
})

export const ConversationMessage = z.object({
  role: z.enum(['user', 'assistant']),
  text: z.string(),
  /** The text of the policy that was proposed, where one was. */
  policy: z.string().nullable(),
  source: AiSource.nullable(),
  created_at: Time,
})

const monthly = { used: z.int(), input_tokens: z.int(), output_tokens: z.int() }

/** `unset`: no address is given; `missing`: the server does not have the model. */
export const ModelState = z.object({
  name: z.string(),
  state: z.enum(['ready', 'unset', 'unreachable', 'missing']),
  /** Why it does not answer the person who asks, and how to mend it: a sentence; null when it does. */
  detail: z.string().nullable(),
  /** Whether the built-in templates answer instead: also who may not change policies, though the model is ready. */
  template: z.boolean(),
})

const Prompt = z.string().trim().min(1).max(4_000)
const Text = z.string().max(256 * 1024)
/** Of a stream that broke: what came after the last event's id is sent. The rest of the input is then of no matter. */
const cursor = z.string().max(200).optional()
const Stream = z.object({ chunk: z.string(), next_cursor: z.string().nullable() })
const stream = { events: AiEvent }
const begun = ['UNAUTHENTICATED', 'NOT_FOUND', 'INVALID_ARGUMENT', 'QUOTA_EXCEEDED', 'EXPIRED'] as const
const mine = ['UNAUTHENTICATED', 'NOT_FOUND'] as const

export const ai = contract('ai', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    draftPolicy: rpc({
      input: z.strictObject({
        project_id: Id,
        prompt: Prompt,
        /** To go on with; a new one is begun without. */
        conversation_id: Id.optional(),
        /** What to start from; the project's policy when absent. */
        policy_yaml: Text.optional(),
        /** `template`: the built-in templates, whether or not a model is there. */
        source: z.enum(['auto', 'template']).default('auto'),
        cursor,
      }),
      output: Stream,
      errors: [...begun, 'PERMISSION_DENIED', 'UNAVAILABLE'],
      access: 'user',
      right: 'change',
      http: {
        method: 'POST',
        path: '/ai/policies',
        perMinute: 30,
        stream,
        summary: 'A draft of a policy from a sentence, checked and compared; nothing is saved',
      },
      timeoutMs: 20_000,
    }),
    analyze: rpc({
      input: z.strictObject({
        project_id: Id,
        /** A policy; the project's own when neither this nor a query is given. */
        policy_yaml: Text.optional(),
        /** A statement or command, to be judged by the project's policy. */
        query: z
          .strictObject({
            dialect: z.enum(['postgresql', 'mysql', 'sqlite', 'mongodb', 'redis']),
            /** SQL; for MongoDB a command document and for Redis an argument list, as JSON. */
            text: z
              .string()
              .min(1)
              .max(64 * 1024),
            connection: z.string().max(64).optional(),
          })
          .optional(),
        source: z.enum(['auto', 'template']).default('auto'),
        cursor,
      }),
      output: Stream,
      errors: [...begun, 'PERMISSION_DENIED', 'UNAVAILABLE'],
      access: 'user',
      right: 'read',
      http: {
        method: 'POST',
        path: '/ai/analyze',
        perMinute: 30,
        stream,
        summary: 'Weaknesses of a policy or of a query; the model explains them to who may change policies',
      },
      timeoutMs: 20_000,
    }),
    advise: rpc({
      input: z.strictObject({
        project_id: Id,
        question: Prompt,
        /** What it is about; the project's own when absent. */
        infrastructure: z.array(Infrastructure).max(7).optional(),
        source: z.enum(['auto', 'template']).default('auto'),
        cursor,
      }),
      output: Stream,
      errors: [...begun, 'PERMISSION_DENIED', 'UNAVAILABLE'],
      access: 'user',
      right: 'read',
      http: {
        method: 'POST',
        path: '/ai/advise',
        perMinute: 30,
        stream,
        summary: 'Advice on connecting and protecting systems; of the model to who may change policies',
      },
      timeoutMs: 20_000,
    }),
    getAiUsage: rpc({
      input: Empty,
      output: z.object({
        month: Month,
        /** Uses of this month that count; of the whole organisation. */
        used: z.int(),
        limit: z.int().nullable(),
        input_tokens: z.int(),
        output_tokens: z.int(),
        /** The last twelve, newest first; those without a use are left out. */
        months: z.array(z.object({ month: Month, ...monthly })),
        model: ModelState,
      }),
      errors: ['UNAUTHENTICATED', 'UNAVAILABLE'],
      access: 'user',
      http: {
        method: 'GET',
        path: '/ai/usage',
        summary: 'Uses of the assistant, what the plan includes, and how the model stands',
      },
    }),
    listConversations: rpc({
      input: z.strictObject({ ...Page, project_id: Id }),
      output: pageOf(ConversationHead),
      errors: mine,
      access: 'user',
      http: {
        method: 'GET',
        path: '/ai/conversations',
        summary: 'The person’s own conversations of a project, newest first',
      },
    }),
    getConversation: rpc({
      input: z.strictObject({ conversation_id: Id }),
      output: ConversationHead.extend({ items: z.array(ConversationMessage) }),
      errors: mine,
      access: 'user',
      http: {
        method: 'GET',
        path: '/ai/conversations/{conversation_id}',
        summary: 'A conversation with its messages',
      },
    }),
    deleteConversation: rpc({
      input: z.strictObject({ conversation_id: Id }),
      output: Empty,
      errors: mine,
      access: 'user',
      http: {
        method: 'DELETE',
        path: '/ai/conversations/{conversation_id}',
        status: 204,
        summary: 'Forget a conversation',
      },
    }),
  },
})
