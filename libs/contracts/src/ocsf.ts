// The record as events of the Open Cybersecurity Schema Framework 1.4: class API Activity, with the profile Security
// Control for what was decided. Pure. What is mapped to what: docs/siem.md.
import type { AuditEvent } from './audit.ts'
import type { AuditRecord } from './ingest.ts'

/** With the fields that others look at. */
export type OcsfEvent = { metadata: object; unmapped: object } & Record<string, unknown>

const VERSION = '1.4.0'
const CATEGORY = { category_uid: 6, category_name: 'Application Activity' }
const CLASS = { class_uid: 6003, class_name: 'API Activity' }
const PRODUCT = { name: 'MCPShield', vendor_name: 'MCPShield' }

/** What a call does, from the accesses among its facts or from an administrative method's verb. */
const ACTIVITIES = { Unknown: 0, Create: 1, Read: 2, Update: 3, Delete: 4, Other: 99 } as const
type Activity = keyof typeof ACTIVITIES

const STATUS = { Unknown: 0, Success: 1, Failure: 2 } as const
const SEVERITY = { Informational: 1, Low: 2, Medium: 3 } as const
/** Of the profile Security Control: what was decided, and whether the call went on. */
const ACTION = { Unknown: 0, Allowed: 1, Denied: 2 } as const
const DISPOSITION = { Unknown: 0, Allowed: 1, Blocked: 2, Approved: 8, Delayed: 14, Logged: 17 } as const

/**
 * An event of the stream, before its phases are one record: `metadata.event_code` says which of the two it is, and both
 * have the `metadata.uid` of their record.
 */
export function ocsfPhase({ phase, ...record }: AuditEvent): object {
  const { metadata, ...event } = ocsfEvent(record)
  return { ...event, metadata: { ...metadata, event_code: phase } }
}

export function ocsfEvent(record: AuditRecord): OcsfEvent {
  const activity = activityOf(record)
  const activityId = ACTIVITIES[activity]
  const status = statusOf(record)
  const severity = record.decision === 'deny' ? 'Medium' : record.decision === 'ask' ? 'Low' : 'Informational'
  return {
    ...CATEGORY,
    ...CLASS,
    activity_id: activityId,
    activity_name: activity,
    type_uid: CLASS.class_uid * 100 + activityId,
    type_name: `${CLASS.class_name}: ${activity}`,
    time: Date.parse(record.time),
    severity_id: SEVERITY[severity],
    severity: severity,
    status_id: STATUS[status],
    status,
    ...(record.outcome === null ? {} : { status_code: record.outcome }),
    status_detail: record.reason,
    ...(record.duration_ms === null ? {} : { duration: Math.round(record.duration_ms) }),
    metadata: metadataOf(record),
    actor: actorOf(record),
    api: apiOf(record),
    src_endpoint: {
      name: record.agent ?? 'unknown',
      ...(record.key_id === null ? {} : { uid: record.key_id }),
    },
    ...(record.kind === 'admin' ? {} : controlOf(record)),
    unmapped: unmappedOf(record),
  }
}

function metadataOf({ id, org_id, trace_id, kind }: AuditRecord): object {
  return {
    version: VERSION,
    product: PRODUCT,
    uid: id,
    tenant_uid: org_id,
    ...(trace_id === null ? {} : { correlation_uid: trace_id }),
    ...(kind === 'admin' ? {} : { profiles: ['security_control'] }),
  }
}

/** A person where one is known, else the program. */
function actorOf({ user_id, agent, key_id }: AuditRecord): object {
  return user_id === null
    ? { app_name: agent ?? 'unknown', ...(key_id === null ? {} : { app_uid: key_id }) }
    : { user: { uid: user_id, type_id: 1, type: 'User' } }
}

function apiOf({ tool, method, request_id, project_id, kind }: AuditRecord): object {
  const operation = kind === 'admin' ? method : tool
  return {
    operation,
    service: { name: kind === 'admin' ? (tool.split('.')[0] ?? tool) : method, uid: project_id ?? undefined },
    ...(request_id === null ? {} : { request: { uid: request_id } }),
  }
}

function controlOf(record: AuditRecord): object {
  const [action, disposition] = ruledOn(record)
  const { rule } = record
  return {
    action_id: ACTION[action],
    action,
    disposition_id: DISPOSITION[disposition],
    disposition,
    ...(rule === '' ? {} : { firewall_rule: { name: rule } }),
  }
}

function ruledOn({ decision, mode, outcome }: AuditRecord): [keyof typeof ACTION, keyof typeof DISPOSITION] {
  switch (decision) {
    case 'allow':
      return ['Allowed', 'Allowed']
    case 'deny':
      // In a project that only watches it goes on.
      return mode === 'monitor' ? ['Allowed', 'Logged'] : ['Denied', 'Blocked']
    case 'ask':
      // What has an outcome was approved: it ran.
      return outcome === null ? ['Unknown', 'Delayed'] : ['Allowed', 'Approved']
    case null:
      return ['Unknown', 'Unknown']
  }
}

function statusOf({ decision, mode, outcome, kind }: AuditRecord): keyof typeof STATUS {
  if (decision === 'deny' && mode === 'enforce') return 'Failure'
  if (outcome !== null) return outcome === 'ok' ? 'Success' : 'Failure'
  return kind === 'admin' ? 'Success' : 'Unknown'
}

function activityOf(record: AuditRecord): Activity {
  return record.kind === 'admin' ? activityOfVerb(record.method) : activityOfFacts(record.facts)
}

function activityOfVerb(method: string): Activity {
  if (/^(create|add|invite|issue|request|register)/.test(method)) return 'Create'
  if (/^(delete|remove|revoke|end)/.test(method)) return 'Delete'
  if (/^(get|list|read|export|test|validate|simulate)/.test(method)) return 'Read'
  return 'Update'
}

/** The gravest of the accesses that the call makes; a change of data is told no finer than that. */
function activityOfFacts(facts: AuditRecord['facts']): Activity {
  const operations = new Set(accessesOf(facts).map((each) => each.operation))
  if (operations.has('write')) return 'Update'
  if (operations.has('schema') || operations.has('admin')) return 'Other'
  return operations.has('read') ? 'Read' : 'Unknown'
}

function accessesOf(facts: AuditRecord['facts']): { operation?: unknown }[] {
  if (facts === null || typeof facts !== 'object' || Array.isArray(facts)) return []
  const { accesses } = facts
  return Array.isArray(accesses)
    ? accesses.flatMap((each) =>
        each !== null && typeof each === 'object' && !Array.isArray(each) ? [each] : [],
      )
    : []
}

function unmappedOf(record: AuditRecord): object {
  const {
    kind,
    project_id,
    arguments: args,
    arguments_digest,
    facts,
    decision,
    policy_version,
    policy_hash,
  } = record
  const { mode, approved_by, outcome, rows, bytes, redactions, result_digest, decision_id } = record
  return {
    ...{ kind, project_id, arguments: args, arguments_digest, facts, decision, policy_version, policy_hash },
    ...{ mode, approved_by, outcome, rows, bytes, redactions, result_digest, decision_id },
  }
}
