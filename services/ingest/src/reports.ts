// What a client reports of a call, as an audit event. Pure. Organisation, project and key are those of its API key,
// and the id is made from the project's: a reporter can neither choose an id nor imitate a decision of ours.
import { hash } from 'node:crypto'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { Caller } from '@mcpshield/contracts/caller'
import { AppError, type FieldError } from '@mcpshield/contracts/errors'
import type { ReportedEvent } from '@mcpshield/contracts/ingest'
import { redactText } from '@mcpshield/redact/redact-text'
import { redactValue } from '@mcpshield/redact/redact-value'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'

type JsonValue = NonNullable<ReportedEvent['metadata']>[string]

export type Reporter = Extract<Caller, { kind: 'key' }>

const MINUTE_MS = 60_000
const LATEST_MS = 5 * MINUTE_MS
const EARLIEST_MS = 90 * 24 * 60 * MINUTE_MS
/** Longest text of one member that the record keeps, in UTF-16 units. */
const MAX_TEXT_UNITS = 8_192
/** Of one event's metadata, as it is recorded. */
const MAX_METADATA_UNITS = 65_536

/** Where in the request an event is: `events.3.`, or nothing when it stands alone. */
export type PathOf = (at: number) => string

/** Throws INVALID_ARGUMENT, naming every event that is not of these days. */
export function checkTimes(events: ReportedEvent[], nowMs: number, pathOf: PathOf): void {
  const errors: FieldError[] = []
  for (const [at, { timestamp }] of events.entries()) {
    const ms = Date.parse(timestamp)
    if (ms > nowMs + LATEST_MS)
      errors.push({ path: `${pathOf(at)}timestamp`, message: 'Is more than 5 minutes in the future.' })
    else if (ms < nowMs - EARLIEST_MS)
      errors.push({ path: `${pathOf(at)}timestamp`, message: 'Is more than 90 days ago.' })
  }
  refuse(errors)
}

function refuse(errors: FieldError[]): void {
  if (errors.length > 0) throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors })
}

/** The id of a report's record, always the same for the same event of the same project: a UUID of version 8. */
export function reportId(projectId: string, eventId: string): string {
  const hex = hash('sha256', `report ${projectId} ${eventId.toLowerCase()}`)
  const variant = '89ab'[parseInt(hex[16]!, 16) % 4]!
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Its record, and roughly how much memory it takes. Throws INVALID_ARGUMENT when its metadata is too much. */
export function reportedRecord(
  event: ReportedEvent,
  id: string,
  reporter: Reporter,
  path: string,
): { record: AuditEvent; units: number } {
  const metadata = forRecord(event.metadata)
  if (metadata.units > MAX_METADATA_UNITS)
    refuse([{ path: `${path}metadata`, message: `Holds more than ${MAX_METADATA_UNITS} characters.` }])
  const tool = textForRecord(event.tool)
  return { record: recordOfReport(event, id, reporter, tool, metadata.value), units: metadata.units + 1_024 }
}

function recordOfReport(
  event: ReportedEvent,
  id: string,
  reporter: Reporter,
  tool: string,
  metadata: AuditEvent['arguments'],
): AuditEvent {
  return {
    id,
    phase: 'decision',
    time: event.timestamp,
    kind: 'report',
    org_id: reporter.org_id,
    project_id: reporter.project_id,
    method: 'tools/call',
    tool,
    arguments: metadata,
    arguments_digest: null,
    facts: null,
    decision: event.decision ?? null,
    rule: event.rule === undefined ? '' : textForRecord(event.rule),
    reason: REASONS[event.type],
    policy_version: null,
    policy_hash: null,
    mode: 'enforce',
    agent: null,
    key_id: reporter.key_id,
    user_id: null,
    request_id: event.event_id,
    trace_id: null,
    approved_by: null,
    outcome: null,
    duration_ms: null,
    rows: null,
    bytes: null,
    redactions: null,
    result_digest: null,
    ...(event.decision_id === undefined ? {} : { decision_id: event.decision_id.toLowerCase() }),
  }
}

const REASONS = {
  policy_check: 'A policy check, reported by the client.',
  api_call: 'An API call, reported by the client.',
}

/** What is masked leaves no trace, so no key is needed. */
const keyedHash = () => ''

/** Names repeat from event to event: looking for secrets in each anew would cost more than all the rest. */
const seenTexts = new Map<string, string>()
const seenMembers = new Map<string, [string, JsonValue]>()
const MAX_SEEN = 5_000
const MAX_SEEN_UNITS = 256

function remembered<V>(seen: Map<string, V>, key: string, make: () => V): V {
  const known = seen.get(key)
  if (known !== undefined) return known
  const made = make()
  if (seen.size >= MAX_SEEN) seen.clear()
  if (key.length <= MAX_SEEN_UNITS) seen.set(key, made)
  return made
}

function textForRecord(text: string): string {
  return remembered(seenTexts, text, () => clip(redactText(text, DEFAULT_REDACTIONS, keyedHash).text))
}

function forRecord(metadata: ReportedEvent['metadata']): { value: AuditEvent['arguments']; units: number } {
  if (metadata === undefined) return { value: null, units: 0 }
  const members = Object.entries(metadata).map(([name, value]) => memberForRecord(name, value))
  // Two names of which only the secret part differs: redaction of the whole keeps them apart.
  const apart = new Set(members.map(([name]) => name)).size === members.length
  const value = apart ? Object.fromEntries(members) : (clipped(redacted(metadata)) as typeof metadata)
  return { value, units: unitsOf(value) }
}

/** What is looked for in a member depends on its name and value only, and plain ones repeat. */
function memberForRecord(name: string, value: JsonValue): [string, JsonValue] {
  const make = (): [string, JsonValue] =>
    Object.entries(clipped(redacted({ [name]: value })) as Record<string, JsonValue>)[0]!
  if (value !== null && typeof value === 'object') return make()
  return remembered(seenMembers, `${typeof value} ${JSON.stringify(name)} ${value}`, make)
}

function redacted(value: JsonValue): JsonValue {
  return redactValue(value, DEFAULT_REDACTIONS, { keyedHash }).value as JsonValue
}

/** Not deeper than what redaction looks into: the rest it has withheld. */
function clipped(value: JsonValue): JsonValue {
  if (typeof value === 'string') return clip(value)
  if (Array.isArray(value)) return value.map(clipped)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, clipped(each)]))
}

function clip(text: string): string {
  return text.length <= MAX_TEXT_UNITS
    ? text
    : `${text.slice(0, MAX_TEXT_UNITS)}… [${text.length} characters]`
}

/** Characters of all names and texts, and some for what else there is. */
function unitsOf(value: JsonValue): number {
  if (typeof value === 'string') return value.length + 4
  if (value === null || typeof value !== 'object') return 8
  let units = 4
  for (const [name, each] of Object.entries(value)) units += name.length + unitsOf(each)
  return units
}
