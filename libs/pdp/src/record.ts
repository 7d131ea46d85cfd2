// Pure: what was decided → the audit event, without secrets.
import { createHmac, createSecretKey } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { Facts, JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Decision } from '@mcpshield/policy/schema'
import type { KeyedHash } from '@mcpshield/redact/marker'
import { redactText } from '@mcpshield/redact/redact-text'
import { redactValue } from '@mcpshield/redact/redact-value'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'
import type { Credential, ProjectPolicy } from './snapshots.ts'

/** Longest text of one argument that the record keeps, in UTF-16 units; the digest covers all of it. */
const MAX_TEXT_UNITS = 8_192

export type Decided = {
  id: string
  time: Date
  credential: Credential
  project: ProjectPolicy | undefined
  method: string
  tool: string
  arguments: JsonObject
  facts: Facts | null
  decision: Pick<Decision, 'decision' | 'rule' | 'reason'>
  agent: string | null
  requestId: string | null
  traceId?: string | null | undefined
  /** The person who approved a call that was asked for. */
  approvedBy: string | null
}

/** HMAC-SHA-256 in hex: equal values can be told without being read. `keyHex` is 64 hex digits. */
export function hmacSha256(keyHex: string): KeyedHash {
  const key = createSecretKey(keyHex, 'hex')
  return (text) => createHmac('sha256', key).update(text).digest('hex')
}

export function decisionEvent(decided: Decided, keyedHash: KeyedHash): AuditEvent {
  const { snapshot } = decided.project ?? {}
  return {
    id: decided.id,
    phase: 'decision',
    time: decided.time.toISOString(),
    kind: 'decision',
    org_id: decided.credential.org_id,
    project_id: decided.credential.project_id,
    method: decided.method,
    tool: textForRecord(decided.tool, keyedHash),
    arguments: redactForRecord(decided.arguments, keyedHash),
    arguments_digest: keyedHash(JSON.stringify(decided.arguments)),
    facts: recordedFacts(decided.facts, keyedHash),
    decision: decided.decision.decision,
    rule: decided.decision.rule,
    // A reason tells the call's own fact, which may be what the arguments hid.
    reason: textForRecord(decided.decision.reason, keyedHash),
    policy_version: snapshot?.policy_version ?? null,
    policy_hash: snapshot?.policy_hash ?? null,
    mode: snapshot?.mode ?? 'enforce',
    agent: decided.agent === null ? null : textForRecord(decided.agent, keyedHash),
    key_id: decided.credential.key_id,
    user_id: null,
    request_id: requestIdForRecord(decided.requestId, keyedHash),
    trace_id: decided.traceId ?? null,
    approved_by: decided.approvedBy,
    outcome: null,
    duration_ms: null,
    rows: null,
    bytes: null,
    redactions: null,
    result_digest: null,
  }
}

export type CallOutcome = {
  outcome: NonNullable<AuditEvent['outcome']>
  durationMs: number
  rows: number | null
  bytes: number | null
  redactions: number
  resultDigest: string | null
}

/** The second event of a decision's id: what came of the call. */
export function outcomeEvent(decision: AuditEvent, result: CallOutcome): AuditEvent {
  return {
    ...decision,
    phase: 'outcome',
    // Told once, by the decision event.
    arguments: null,
    facts: null,
    outcome: result.outcome,
    duration_ms: Math.round(result.durationMs * 1000) / 1000,
    rows: result.rows,
    bytes: result.bytes,
    redactions: result.redactions,
    result_digest: result.resultDigest,
  }
}

function redactForRecord(value: JsonValue, keyedHash: KeyedHash): JsonValue {
  const redacted = redactValue(value, DEFAULT_REDACTIONS, { keyedHash }).value as JsonValue
  return isTooLong(redacted) ? clipTexts(redacted) : redacted
}

/** Names and reasons repeat from call to call: looking for secrets in each anew would cost more than deciding. */
const seenTexts = new LRUCache<string, string>({ max: 5_000 })
const MAX_SEEN_UNITS = 512

function textForRecord(text: string, keyedHash: KeyedHash): string {
  const known = seenTexts.get(text)
  if (known !== undefined) return known
  const recorded = clip(redactText(text, DEFAULT_REDACTIONS, keyedHash).text)
  if (text.length <= MAX_SEEN_UNITS) seenTexts.set(text, recorded)
  return recorded
}

/** Ours are random, a program's own may be anything. */
function requestIdForRecord(id: string | null, keyedHash: KeyedHash): string | null {
  return id === null || UUID.test(id) ? id : textForRecord(id, keyedHash)
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Facts without the arguments (recorded beside them) and without what the default detectors find. */
function recordedFacts(facts: Facts | null, keyedHash: KeyedHash): JsonValue {
  if (facts === null) return null
  const { paths, urls, accesses, guessed } = facts
  // Member by member: these names are ours, and most calls have no more than one of them.
  const told = (value: JsonValue) =>
    Array.isArray(value) && value.length === 0 ? value : redactForRecord(value, keyedHash)
  return {
    paths: told(paths),
    urls: told(urls),
    accesses: told(accesses),
    ...(guessed === undefined ? {} : { guessed }),
  }
}

function isTooLong(value: JsonValue): boolean {
  if (typeof value === 'string') return value.length > MAX_TEXT_UNITS
  return value !== null && typeof value === 'object' && Object.values(value).some(isTooLong)
}

function clipTexts(value: JsonValue): JsonValue {
  if (typeof value === 'string') return clip(value)
  if (Array.isArray(value)) return value.map(clipTexts)
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, clipTexts(each)]))
  }
  return value
}

function clip(text: string): string {
  return text.length <= MAX_TEXT_UNITS
    ? text
    : `${text.slice(0, MAX_TEXT_UNITS)}… [${text.length} characters]`
}
