// The benchmark's policies in Cedar, parsed once and kept in its WebAssembly memory.
import type * as cedarWasm from '@cedar-policy/cedar-wasm/nodejs'
import type { Facts } from '@mcpshield/policy/facts'
import type { DecisionWord, Policy, Rule } from '@mcpshield/policy/schema'
import { listOf } from '@mcpshield/policy/schema'

/** Loads the policy under its own name and answers calls by it. Only the conditions of the benchmark are known. */
export async function cedarEngine(policy: Policy): Promise<(call: Facts) => DecisionWord> {
  // Published as CommonJS.
  const module = (await import('@cedar-policy/cedar-wasm/nodejs')) as unknown as { default?: Cedar } & Cedar
  const cedar = module.default ?? module
  const id = `policy-${loaded++}`
  const answer = cedar.preparsePolicySet(id, { staticPolicies: (policy.rules ?? []).map(inCedar).join('\n') })
  if (answer.type !== 'success') throw new Error(`Cedar does not read the policy: ${JSON.stringify(answer)}`)
  return (call) => {
    const [access] = Array.isArray(call.accesses) ? call.accesses : []
    const result = cedar.statefulIsAuthorized({
      principal: { type: 'Agent', id: 'bench' },
      action: { type: 'Action', id: call.tool },
      resource: { type: 'Server', id: 'bench' },
      context: { operation: access?.operation as string, resource: access?.resource as string },
      preparsedPolicySetId: id,
      entities: [],
    })
    if (result.type !== 'success') throw new Error(`Cedar fails: ${JSON.stringify(result)}`)
    return result.response.decision
  }
}

type Cedar = typeof cedarWasm
let loaded = 0

function inCedar({ tool, decision, conditions = {} }: Rule): string {
  const tests: string[] = []
  const any = (values: readonly string[], test: (value: string) => string) =>
    `(${values.map(test).join(' || ')})`
  if (conditions.operations !== undefined) {
    tests.push(any(listOf(conditions.operations), (each) => `context.operation == "${each}"`))
  }
  if (conditions.resources !== undefined) {
    tests.push(any(listOf(conditions.resources), (each) => `context.resource like "${each}"`))
  }
  const effect = decision === 'deny' ? 'forbid' : 'permit'
  const when = tests.length === 0 ? '' : ` when { ${tests.join(' && ')} }`
  return `${effect}(principal, action == Action::"${String(tool)}", resource)${when};`
}
