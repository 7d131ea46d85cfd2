// The record: reported events in, decisions and usage out.
import { z } from 'zod'
import { AuditEvent } from './audit.ts'
import { DecisionName } from './decision.ts'
import { contract, rpc } from './define.ts'
import { Empty, Health, Id, Page, Time, pageOf } from './values.ts'

export const AuditRecord = AuditEvent.omit({ phase: true })
export type AuditRecord = z.infer<typeof AuditRecord>

const filters = {
  from: Time.optional(),
  to: Time.optional(),
  decision: DecisionName.optional(),
  project_id: Id.optional(),
  tool: z.string().max(200).optional(),
  rule: z.string().max(200).optional(),
  agent: z.string().max(200).optional(),
  q: z.string().max(200).optional(),
}

/** What a client that enforces by itself reports of a call. */
export const ReportedEvent = z.strictObject({
  /** The client's own: the same id again is the same event. */
  event_id: Id,
  type: z.enum(['policy_check', 'api_call']),
  tool: z.string().min(1).max(2_048),
  decision: DecisionName.optional(),
  timestamp: Time,
  rule: z.string().max(200).optional(),
  /** Of a decision that `POST /policy/evaluate` gave: then the two are one event. */
  decision_id: Id.optional(),
  metadata: z.record(z.string().max(200), z.json()).optional(),
})
export type ReportedEvent = z.infer<typeof ReportedEvent>

/** A calendar month (UTC): `2026-11`. */
export const Month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/)

/** Events of the organisation in a month, and how many its plan includes (null: any number). */
export const EventUsage = z.object({ month: Month, count: z.int(), limit: z.int().nullable() })

/** Counts by decision; `report` are events without one. */
export const UsageCounts = z.object({
  count: z.int(),
  allow: z.int(),
  deny: z.int(),
  ask: z.int(),
})

/** Why a recorded call cannot be decided again from its record. */
export const NotReplayable = z.enum([
  'redacted',
  'key_unknown',
  'facts_declared_otherwise',
  'too_large',
  'no_facts',
])
export type NotReplayable = z.infer<typeof NotReplayable>

/** Denials that no policy made, and that none would have kept from happening. */
export const OutsidePolicy = z.enum([
  'killed',
  'revoked',
  'quarantined',
  'malformed',
  'key_upstreams',
  'no_policy',
  'policy_unavailable',
  'evaluation_error',
  'rate_limited',
  'limit_unavailable',
])
export type OutsidePolicy = z.infer<typeof OutsidePolicy>

const calls = z.int()

/** What a draft of a policy would have decided of the calls of the last days. */
export const Simulation = z.object({
  days: z.int(),
  /** Of the calls that were looked for: as far back as the days and the plan say. */
  from: Time,
  to: Time,
  /** Looked at: `unchanged`, `changed`, `not_replayable` and `outside_policy` together. */
  calls,
  unchanged: calls,
  changed: z.object({
    calls,
    transitions: z.array(z.object({ from: DecisionName, to: DecisionName, calls })),
  }),
  not_replayable: z.object({
    calls,
    reasons: z.array(z.object({ reason: NotReplayable, message: z.string(), calls })),
  }),
  /** Calls that were denied by no policy: replayed, but compared with nothing. */
  outside_policy: z.object({
    calls,
    reasons: z.array(z.object({ reason: OutsidePolicy, calls })),
    /** What the draft makes of them. */
    allow: calls,
    deny: calls,
    ask: calls,
    not_replayable: calls,
  }),
  /** The newest calls whose decision changes, newest first. */
  examples: z.array(
    z.object({
      id: Id,
      time: Time,
      tool: z.string(),
      agent: z.string().nullable(),
      key_id: Id.nullable(),
      /** As the key is called today; null when it is not known. */
      key: z.string().nullable(),
      before: z.object({ decision: DecisionName, rule: z.string() }),
      after: z.object({ decision: DecisionName, rule: z.string(), reason: z.string() }),
    }),
  ),
  /** Every rule of the draft in its order, the organisation's first and `default` last, with the calls it decides. */
  rules: z.array(z.object({ rule: z.string(), calls })),
  /** Whether there are older calls that were not looked at: there were too many, or no time was left. */
  truncated: z.boolean(),
  took_ms: z.int(),
})
export type Simulation = z.infer<typeof Simulation>

export const ingest = contract('ingest', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    reportEvents: rpc({
      input: z.union([ReportedEvent, z.strictObject({ events: z.array(ReportedEvent).min(1).max(1_000) })]),
      output: z.object({
        /** Events that are recorded now and were not before. */
        accepted: z.int(),
        duplicates: z.int(),
        usage: EventUsage,
        warning: z.string().optional(),
      }),
      errors: ['UNAUTHENTICATED', 'INVALID_ARGUMENT', 'RATE_LIMITED', 'UNAVAILABLE'],
      access: 'api_key',
      http: {
        method: 'POST',
        path: '/events/ingest',
        status: 202,
        perMinute: 1_000_000,
        summary: 'Report one event, or up to 1,000; recorded for good before the answer',
      },
      timeoutMs: 10_000,
    }),
    listAudits: rpc({
      input: z.strictObject({ ...Page, ...filters }),
      output: pageOf(AuditRecord),
      errors: ['UNAUTHENTICATED', 'INVALID_ARGUMENT', 'UNAVAILABLE'],
      access: 'user',
      http: { method: 'GET', path: '/audits', summary: 'Decisions and what came of them, newest first' },
      timeoutMs: 15_000,
    }),
    countAudits: rpc({
      input: z.strictObject({
        group_by: z.enum(['rule', 'agent', 'tool', 'decision', 'hour', 'day']).default('decision'),
        limit: z.int().min(1).max(1_000).default(100),
        ...filters,
      }),
      output: z.object({
        group_by: z.string(),
        /** Of everything that the filters find; administrative acts are not counted. */
        total: UsageCounts,
        items: z.array(
          UsageCounts.extend({
            /**
             * A rule, an agent’s name (empty: without one), a tool, a decision; or the beginning of an hour or a day of the
             * calls (UTC). The largest first; times in order, the latest of them, and without those in which nothing happened.
             */
            key: z.string(),
            /** Of the newest call. */
            last: Time,
            /** Of a rule: what it said of the newest call. */
            reason: z.string().nullable(),
          }),
        ),
      }),
      errors: ['UNAUTHENTICATED', 'INVALID_ARGUMENT', 'UNAVAILABLE'],
      access: 'user',
      http: {
        method: 'GET',
        path: '/audits/counts',
        perMinute: 120,
        summary: 'How many calls the filters find, by rule, agent, tool, decision or time',
      },
      timeoutMs: 15_000,
    }),
    exportAudits: rpc({
      input: z.strictObject({
        format: z.enum(['csv', 'jsonl', 'ocsf']).default('jsonl'),
        cursor: z.string().max(500).optional(),
        ...filters,
      }),
      output: z.object({ chunk: z.string(), next_cursor: z.string().nullable() }),
      errors: ['UNAUTHENTICATED', 'INVALID_ARGUMENT', 'UNAVAILABLE'],
      access: 'user',
      http: {
        method: 'GET',
        path: '/audits/export',
        perMinute: 30,
        stream: {
          by: 'format',
          filename: 'audits',
          types: {
            csv: { type: 'text/csv; charset=utf-8', extension: 'csv' },
            jsonl: { type: 'application/jsonl; charset=utf-8', extension: 'jsonl' },
            ocsf: { type: 'application/jsonl; charset=utf-8', extension: 'ocsf.jsonl' },
          },
        },
        summary: 'All records that the filters find, newest first: CSV, JSON Lines or OCSF',
      },
      timeoutMs: 15_000,
    }),
    getAudit: rpc({
      input: z.strictObject({ id: Id }),
      output: AuditRecord,
      errors: ['UNAUTHENTICATED', 'NOT_FOUND', 'UNAVAILABLE'],
      access: 'user',
      http: { method: 'GET', path: '/audits/{id}', summary: 'One decision with its facts' },
      timeoutMs: 15_000,
    }),
    getMonthlyUsage: rpc({
      input: z.strictObject({ months: z.int().min(1).max(36).default(12) }),
      /** Newest first; the first is the running month, there also when nothing has happened yet. */
      output: z.object({
        items: z.array(UsageCounts.extend({ month: Month, limit: z.int().nullable() })),
        next_cursor: z.null(),
        prev_cursor: z.null(),
      }),
      errors: ['UNAUTHENTICATED', 'UNAVAILABLE'],
      access: 'user',
      http: { method: 'GET', path: '/usage/monthly', summary: 'Events by month' },
      timeoutMs: 15_000,
    }),
    getUsageSummary: rpc({
      input: z.strictObject({
        days: z.int().min(1).max(366).default(30),
        group_by: z.enum(['day', 'week', 'month', 'project', 'tool', 'decision']).default('day'),
        project_id: Id.optional(),
      }),
      output: z.object({
        from: Time,
        to: Time,
        group_by: z.string(),
        total: UsageCounts,
        /**
         * `key`: the first day of the time span (`2026-11-27`, `2026-11` for a month), a project’s id, a tool’s name,
         * or a decision. Times in order and without gaps, others by count; the 1,000 largest.
         */
        items: z.array(UsageCounts.extend({ key: z.string() })),
      }),
      errors: ['UNAUTHENTICATED', 'NOT_FOUND', 'UNAVAILABLE'],
      access: 'user',
      http: { method: 'GET', path: '/usage/summary', summary: 'Events of the last days, grouped' },
      timeoutMs: 15_000,
    }),
    /** Events of an organisation received in a span of time, for its invoice. */
    countEvents: rpc({
      input: z.strictObject({ org_id: Id, from: Time, to: Time }),
      output: z.object({ count: z.int() }),
      errors: ['UNAVAILABLE'],
      access: 'internal',
      timeoutMs: 15_000,
    }),
    /** Decides a project's recorded calls by a checked draft, with what `projects` knows of the project today. */
    simulatePolicy: rpc({
      input: z.strictObject({
        org_id: Id,
        project_id: Id,
        days: z.int().min(1).max(366),
        /** Checked documents, as JSON; the organisation's is null when it has none. */
        policy: z.unknown(),
        organization_policy: z.unknown(),
        environment: z.string(),
        keys: z.array(z.strictObject({ id: Id, name: z.string(), labels: z.array(z.string()) })),
        /** The `facts:` section of each version of the policy that may have decided a call; null where it had none. */
        facts_sections: z.array(
          z.strictObject({ from_version: z.int(), to_version: z.int(), facts: z.unknown() }),
        ),
      }),
      output: Simulation,
      errors: ['RATE_LIMITED', 'UNAVAILABLE'],
      access: 'internal',
      timeoutMs: 52_000,
    }),
  },
  evt: {
    /** An organisation has used 80 or 100 percent of its month; told once for each. */
    usageReached: z.object({
      org_id: Id,
      month: Month,
      percent: z.union([z.literal(80), z.literal(100)]),
      count: z.int(),
      limit: z.int(),
    }),
  },
})
