// An event as a message of syslog: RFC 5424, with the event in OCSF as JSON. Pure.
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { auditSubject } from '@mcpshield/contracts/audit'
import { ocsfPhase } from '@mcpshield/contracts/ocsf'

/** Facility 13, "log audit". */
const FACILITY = 13
const SEVERITY = { warning: 4, notice: 5, informational: 6 } as const
const HOSTNAME = 'mcpshield'
const APP_NAME = 'mcpshield'

/**
 * The registered element `origin` alone: an element of one's own needs an enterprise number. MSG is JSON in ASCII, so
 * it needs no byte order mark, and has as many bytes as characters.
 */
export function syslogMessage(event: AuditEvent, maxBytes: number): string {
  const priority = FACILITY * 8 + severityOf(event)
  const messageId = auditSubject(event).split('.').at(-1) ?? '-'
  const header = `<${priority}>1 ${event.time} ${HOSTNAME} ${APP_NAME} - ${messageId} [origin software="MCPShield"] `
  return header + fitting(event, maxBytes - header.length)
}

/** RFC 6587, 3.4.1, and RFC 5425: the message's bytes, counted, before it. */
export function framed(message: string): string {
  return `${Buffer.byteLength(message)} ${message}`
}

function severityOf({ decision, mode }: AuditEvent): number {
  if (decision === 'deny' && mode === 'enforce') return SEVERITY.warning
  return decision === 'ask' || decision === 'deny' ? SEVERITY.notice : SEVERITY.informational
}

/** What may be large, the largest first; it is left out until the rest fits. */
const LARGE = ['arguments', 'facts', 'reason'] as const
const OMITTED = '(left out: the message would be too long)'

function fitting(event: AuditEvent, maxBytes: number): string {
  let shown = event
  for (const field of LARGE) {
    const text = ascii(JSON.stringify(ocsfPhase(shown)))
    if (text.length <= maxBytes) return text
    shown = { ...shown, [field]: OMITTED }
  }
  const text = ascii(JSON.stringify(ocsfPhase(shown)))
  return text.length <= maxBytes ? text : ascii(JSON.stringify(ocsfPhase(shortened(shown))))
}

/** Names of tools, agents and rules are bounded where they come in; what is not, is bounded here. */
function shortened(event: AuditEvent): AuditEvent {
  const short = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
  return {
    ...event,
    method: short(event.method),
    tool: short(event.tool),
    rule: short(event.rule),
    agent: event.agent === null ? null : short(event.agent),
    request_id: event.request_id === null ? null : short(event.request_id),
    trace_id: event.trace_id === null ? null : short(event.trace_id),
  }
}

/** JSON without a character beyond ASCII, and without DEL. */
function ascii(json: string): string {
  return json.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
