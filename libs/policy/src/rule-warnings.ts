// What is allowed and yet hardly meant.
import { conditionWarnings } from './condition-warnings.ts'
import { limitWarnings } from './limit-warnings.ts'
import { warning } from './problem.ts'
import type { Problem } from './problem.ts'
import { resourceWarnings } from './resource-warnings.ts'
import type { Policy, Rule } from './schema.ts'
import { shadowedRules } from './shadowed-rules.ts'
import { toolWarnings } from './tool-warnings.ts'
import type { OfferedTool } from './tool-warnings.ts'

export function ruleWarnings(policy: Policy, offered?: readonly OfferedTool[]): Problem[] {
  const rules = policy.rules ?? []
  return [
    ...shadowedRules(rules),
    ...similarIds(rules),
    ...rules.flatMap((rule, i) => [
      ...conditionWarnings(rule, ['rules', i, 'conditions']),
      ...resourceWarnings(rule, ['rules', i], policy.facts ?? {}),
      ...limitWarnings(rule, ['rules', i]),
    ]),
    ...toolWarnings(policy, offered),
  ]
}

function similarIds(rules: readonly Rule[]): Problem[] {
  const seen = new Map<string, string>()
  return rules.flatMap(({ id }, i) => {
    if (id === undefined) return []
    const other = seen.get(id.toLowerCase())
    seen.set(id.toLowerCase(), id)
    if (other === undefined || other === id) return []
    const message = `\`${id}\` and \`${other}\` differ by the case of letters only: records of one are easily taken for the other's.`
    return [warning(['rules', i, 'id'], 'similar_id', message, 'give it another id')]
  })
}
