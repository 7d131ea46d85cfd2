// The assistant without a model: it knows some requests by their words, says that it is no more than that, and lists them where it
// does not understand.
import { parsePolicy } from '@mcpshield/policy/parse'
import type { Policy } from '@mcpshield/policy/schema'
import type { Knowledge } from '../knowledge.ts'
import type { Proposal } from '../proposal.ts'
import { REQUESTS } from './requests.ts'
import type { Answer } from './words.ts'

const INTRODUCTION =
  'No language model was used: this comes from built-in templates, which know some common requests by their words.'

export type TemplateAnswer = { reply: string; proposal?: Proposal }

export function templateAnswer(text: string, base: string, knowledge: Knowledge): TemplateAnswer {
  const start: Policy = parsePolicy(base).policy ?? { version: 1 }
  const answers: Answer[] = []
  let policy = start
  for (const { answer } of REQUESTS) {
    const found = answer({ text, knowledge, policy })
    if (found === undefined) continue
    answers.push(found)
    policy = withRules(policy, found.rules)
  }
  const rules = new Map(answers.flatMap((each) => each.rules.map((rule) => [rule.id, rule] as const)))
  if (answers.length === 0) return { reply: notUnderstood() }
  const reply = [INTRODUCTION, ...answers.map((each) => each.reply)].join(' ')
  if (rules.size === 0) return { reply }
  return { reply, proposal: { reply, remove: [], rules: [...rules.values()], tests: [] } }
}

function withRules(policy: Policy, rules: Answer['rules']): Policy {
  const ids = new Set(rules.map(({ id }) => id))
  const named = (policy.rules ?? []).map((rule, i) => ({ ...rule, id: rule.id ?? `rule-${i + 1}` }))
  const replaced = named.map((rule) => rules.find(({ id }) => id === rule.id) ?? rule)
  return {
    ...policy,
    rules: [...replaced, ...rules.filter(({ id }) => ids.has(id) && !named.some((each) => each.id === id))],
  }
}

function notUnderstood(): string {
  return [
    INTRODUCTION,
    'None of them is this one. They are:',
    ...REQUESTS.map(({ name }) => `- ${name}`),
    'Name tables, folders and hosts as the policy should have them.',
  ].join('\n')
}
