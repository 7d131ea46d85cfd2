// What the policy says of a call: its rules on the call's facts, in every way its arguments may be read.
import { decideEveryReading } from '@mcpshield/facts/every-reading'
import { decide } from '@mcpshield/policy/decide'
import type { Context, Facts, JsonObject } from '@mcpshield/policy/facts'
import type { Decision } from '@mcpshield/policy/schema'
import { deniedArguments } from '@mcpshield/redact/deny-arguments'
import { denied } from './refusals.ts'
import type { Credential, ProjectPolicy } from './snapshots.ts'
import type { CallToDecide } from './verdict.ts'

export function decideByPolicy(
  project: ProjectPolicy | undefined,
  call: CallToDecide,
  facts: Facts | null,
  time: Date,
): Decision {
  if (project === undefined || facts === null)
    return denied('no_policy', 'This project has no policy in force.')
  try {
    return decide(project.compiled, facts, contextOf(project, call.credential, call.agent, time))
  } catch {
    // An error while evaluating denies and says so; it never skips a rule.
    return denied('evaluation_error', 'The policy could not be evaluated for this call.')
  }
}

export function decideAsRead(
  project: ProjectPolicy | undefined,
  call: CallToDecide,
  facts: Facts | null,
  time: Date,
): Decision {
  if (facts === null) return decideByPolicy(project, call, facts, time)
  return decideEveryReading(call.method, facts, (read) => decideByPolicy(project, call, read, time))
}

/** `{detector, on: arguments, deny: true}`: a call that carries such a thing is denied by that rule. */
export function denySecretArguments(decision: Decision, args: JsonObject): Decision {
  if (decision.decision === 'deny') return decision
  const found = deniedArguments(args, decision.obligations.deny_arguments)
  return found === undefined ? decision : denied(found.rule, found.reason)
}

export function contextOf(
  project: ProjectPolicy,
  credential: Credential,
  agent: string | null,
  time: Date,
): Context {
  return {
    environment: project.snapshot.environment,
    key: credential.name,
    labels: credential.labels,
    time: time.toISOString(),
    ...(credential.user === undefined ? {} : { user: credential.user, groups: credential.groups ?? [] }),
    ...(agent === null ? {} : { agent }),
  }
}
