// One call decided here, with what every rule made of it: the gateway's own function on the facts that are given.
import { compile, type CompiledPolicy } from '@mcpshield/policy/compile'
import { decide } from '@mcpshield/policy/decide'
import type { Context, Facts } from '@mcpshield/policy/facts'
import { parsePolicy } from '@mcpshield/policy/parse'
import type { Decision } from '@mcpshield/policy/schema'

export type DecideInput = {
  text: string
  /** The organisation's policy. */
  above?: string | undefined
  facts: Facts
  context: Context
}

export type Decided = { decision: Decision } | { problem: string }

let last: { text: string; above: string | undefined; compiled: CompiledPolicy } | undefined

export function decideCall({ text, above, facts, context }: DecideInput): Decided {
  if (last?.text !== text || last.above !== above) {
    const compiled = compiledOf(text, above)
    if (typeof compiled === 'string') return { problem: compiled }
    last = { text, above, compiled }
  }
  return { decision: decide(last.compiled, facts, context, { trace: true }) }
}

function compiledOf(text: string, above: string | undefined): CompiledPolicy | string {
  const { policy, diagnostics } = parsePolicy(text)
  if (policy === undefined) {
    const [first] = diagnostics
    return `The policy has an error in line ${first?.line ?? 1}: ${first?.message ?? ''}`
  }
  if (above === undefined) return compile(policy)
  const { policy: organization } = parsePolicy(above, { organization: true })
  return organization === undefined
    ? 'The organisation’s policy has an error.'
    : compile(policy, { above: organization })
}
