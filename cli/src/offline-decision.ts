// One call decided without a project: the same facts, the same rules and the same look at the arguments as at the
// gateway. Limits are not counted here.
import { drawFacts, prepareParsers, type DrawOptions } from '@mcpshield/facts/draw'
import { decideEveryReading } from '@mcpshield/facts/every-reading'
import { compile } from '@mcpshield/policy/compile'
import { couldAllow } from '@mcpshield/policy/could-allow'
import { decide } from '@mcpshield/policy/decide'
import type { Context, Facts } from '@mcpshield/policy/facts'
import type { Decision, Policy } from '@mcpshield/policy/schema'
import { deniedArguments } from '@mcpshield/redact/deny-arguments'
import type { Systems } from './systems-file.ts'

export type OfflineCall = { method: string; tool: string; arguments: unknown }
export type Decided = { decision: Decision; facts: Facts }

export type OfflineDecisions = {
  decide(call: OfflineCall, context: Context, options?: { trace?: boolean }): Decided
  /** Whether some call of it could be allowed or asked for: what lists may show. */
  couldShow(method: string, tool: string, context: Context): boolean
  /** What every result owes by some rule, whichever call it may be of. */
  redactions(): Decision['obligations']['redact']
}

/** Loads the parsers and compiles the policy, below an organisation's where there is one. */
export async function offlineDecisions(
  policy: Policy,
  systems: Systems,
  above?: Policy,
): Promise<OfflineDecisions> {
  await prepareParsers()
  const compiled = compile(policy, above === undefined ? {} : { above })
  return {
    decide(call, context, options = {}) {
      const facts = drawFacts(call, drawOptionsOf(policy, systems, call.tool))
      const decision = decideEveryReading(call.method, facts, (read) =>
        decide(compiled, read, context, options),
      )
      if (decision.decision === 'deny') return { decision, facts }
      const found = deniedArguments(call.arguments, decision.obligations.deny_arguments)
      if (found === undefined) return { decision, facts }
      return { decision: { ...decision, ...found, decision: 'deny', obligations: NOTHING }, facts }
    },
    couldShow: (method, tool, context) => couldAllow(compiled, method, tool, context),
    redactions: () => compiled.rules.flatMap(({ obligations }) => obligations?.redact ?? []),
  }
}

/** A denial owes nothing: nothing goes through. */
const NOTHING: Decision['obligations'] = { rate_limits: [], redact: [] }

/** What facts of one tool's calls are drawn with. */
export function drawOptionsOf(policy: Policy, systems: Systems, tool: string): DrawOptions {
  const server = systems.servers.get(tool.split('/')[0] ?? '')
  return {
    ...(systems.connections === undefined ? {} : { connections: systems.connections }),
    ...(policy.facts === undefined ? {} : { declarations: policy.facts }),
    ...(server === undefined ? {} : { server }),
  }
}
