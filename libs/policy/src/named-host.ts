import { opens, readDomain } from './domains.ts'
import type { UrlFact } from './facts.ts'
import { listOf, ruleId, type Policy } from './schema.ts'

/** Whether the rule of that id allows the URL by naming its very host, not by a pattern that the host fits. */
export function namesHost(policy: Policy, id: string, url: UrlFact): boolean {
  const rule = (policy.rules ?? []).find((each, index) => ruleId(each, index) === id)
  if (rule?.decision !== 'allow') return false
  return listOf(rule.conditions?.allowed_domains ?? []).some((text) => {
    const entry = readDomain(text)
    return !('problem' in entry) && entry.match === 'host' && opens(entry, url)
  })
}
