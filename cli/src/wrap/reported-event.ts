// A decision as it is reported to the server (POST /events/ingest). Pure.
import type { JsonObject } from '@mcpshield/policy/facts'
import { recordOf, type Outcome, type RecordedCall } from './records.ts'

export type ReportedEvent = {
  event_id: string
  type: 'policy_check'
  tool: string
  decision: RecordedCall['decision']['decision']
  timestamp: string
  rule: string
  metadata: JsonObject
}

/** The server keeps 65,536 characters of metadata, and refuses more. */
const MAX_ARGUMENTS_UNITS = 32_768
const MAX_TEXT_UNITS = 4_096
const MAX_TOOL_UNITS = 2_048
const MAX_RULE_UNITS = 200

export function reportedEvent(call: RecordedCall, name: string): ReportedEvent {
  const { tool, arguments: args, reason, agent, approved, policy_version } = recordOf(call)
  const isLong = JSON.stringify(args).length > MAX_ARGUMENTS_UNITS
  return {
    event_id: call.id,
    type: 'policy_check',
    tool: clipped(tool, MAX_TOOL_UNITS),
    decision: call.decision.decision,
    timestamp: call.time,
    rule: clipped(call.decision.rule, MAX_RULE_UNITS),
    metadata: {
      wrapped: name,
      method: clipped(call.method, MAX_RULE_UNITS),
      arguments: isLong ? null : (args ?? null),
      ...(isLong ? { arguments_left_out: true } : {}),
      agent: agent === null ? null : clipped(agent, MAX_RULE_UNITS),
      reason: clipped(reason, MAX_TEXT_UNITS),
      ...(approved === undefined ? {} : { approved }),
      ...(policy_version === undefined ? {} : { policy_version }),
    },
  }
}

export function withOutcome(event: ReportedEvent, outcome: Outcome | undefined): ReportedEvent {
  return outcome === undefined ? event : { ...event, metadata: { ...event.metadata, outcome } }
}

function clipped(text: unknown, maxUnits: number): string {
  const whole = typeof text === 'string' ? text : ''
  return whole.length <= maxUnits ? whole : whole.slice(0, maxUnits - 1).toWellFormed() + '…'
}
