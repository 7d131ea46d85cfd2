// One call, decided by a draft as the gateway would decide it. The API alone can read SQL, and it says what it decided
// where a policy's test fails: so the draft is checked with one test more, which expects a rule that cannot be.
import { parsePolicy } from '@mcpshield/policy/parse'
import { ruleId, type Policy, type PolicyTest, type Rule } from '@mcpshield/policy/schema'
import type { ServerDiagnostic } from '#lib/editor/checked.ts'

export type TrialCall = PolicyTest['call']
export type TrialAnswer = { decision: 'allow' | 'deny' | 'ask'; rule: string; reason: string }

const NO_RULE = '?'
const TEST_NAME = 'call'

/** The document to check, and how rules of the organisation are named in it. */
export type Trial = { text: string; above: string }

export function trialOf(
  draft: string,
  organizationPolicy: string | undefined,
  call: TrialCall,
): Trial | { problem: string } {
  const { policy, diagnostics } = parsePolicy(draft)
  if (policy === undefined) {
    const [first] = diagnostics
    return { problem: `The policy has an error in line ${first?.line ?? 1}: ${first?.message ?? ''}` }
  }
  const own = named(policy.rules ?? [], '')
  const above = freePrefix(own)
  const organization =
    organizationPolicy === undefined ? undefined : parsePolicy(organizationPolicy, { organization: true })
  const document: Policy = {
    ...policy,
    rules: [...placesOf(organization?.policy?.rules ?? [], above), ...own],
    tests: [{ name: TEST_NAME, call, expect: { rule: NO_RULE } }],
  }
  return { text: JSON.stringify(document), above }
}

function named(rules: readonly Rule[], prefix: string): Rule[] {
  return rules.map((rule, i) => ({ ...rule, id: prefix + ruleId(rule, i) }))
}

/** By place: an id of the organisation with a prefix could be too long. */
function placesOf(rules: readonly Rule[], prefix: string): Rule[] {
  return rules.map((rule, i) => ({ ...rule, id: `${prefix}${i}` }))
}

function freePrefix(rules: readonly Rule[]): string {
  for (let n = 0; ; n++) {
    const prefix = `organization.${n}.`
    if (!rules.some(({ id }) => id?.startsWith(prefix))) return prefix
  }
}

const SENTENCE = /^The test “call” expects by \?, but it is (allow|deny|ask) by (\S+): ([\s\S]*)$/

/** What the API's answer says of the call. */
export function answerIn(
  diagnostics: readonly ServerDiagnostic[],
  { above }: Trial,
  organizationPolicy: string | undefined,
): TrialAnswer | { problem: string } {
  const failure = diagnostics.find(({ code }) => code === 'test_failed')
  const [, decision, rule, reason] = SENTENCE.exec(failure?.message ?? '') ?? []
  if (decision === undefined || rule === undefined || reason === undefined) {
    const error = diagnostics.find(({ severity }) => severity === 'error')
    return { problem: error?.message ?? 'The API did not say how the call is decided.' }
  }
  const ids = organizationPolicy === undefined ? [] : organizationIds(organizationPolicy)
  const shown = (text: string) =>
    ids.reduceRight((now, id, i) => now.replaceAll(`${above}${i}`, `organization/${id}`), text)
  return { decision: decision as TrialAnswer['decision'], rule: shown(rule), reason: shown(reason) }
}

function organizationIds(text: string): string[] {
  const { policy } = parsePolicy(text, { organization: true })
  return (policy?.rules ?? []).map((rule, i) => ruleId(rule, i))
}
