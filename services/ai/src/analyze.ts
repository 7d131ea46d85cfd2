// Weaknesses of a policy or a query: found by code, and explained by the model where there is one.
import type { Finding } from '@mcpshield/contracts/ai'
import { fences } from './fences.ts'
import type { Knowledge } from './knowledge.ts'
import type { Model } from './model.ts'
import { policyFindings } from './policy-findings.ts'
import { analysisMessages } from './prompts.ts'
import { queryFindings, type Query } from './query-findings.ts'
import type { Reporter, WorkEnd } from './runner.ts'
import { visible } from './visible.ts'

export type AnalyzeWork = {
  policy: string
  query: Query | undefined
  knowledge: Knowledge
  model: Model | undefined
}

export async function analyzed(work: AnalyzeWork, reporter: Reporter): Promise<WorkEnd> {
  const { policy, query, knowledge, model } = work
  await reporter.emit({ type: 'step', step: 'checking', attempt: 1 })
  const findings = query === undefined ? policyFindings(policy, knowledge) : queryFindings(query, knowledge)
  for (const finding of findings) await reporter.emit({ type: 'finding', finding })
  if (model === undefined) {
    reporter.text('template', summaryOf(findings, query === undefined ? 'policy' : 'query'))
    return { useful: true, attempts: 1 }
  }
  await reporter.emit({ type: 'step', step: 'writing', attempt: 1 })
  const subject = {
    kind: query === undefined ? ('policy' as const) : ('query' as const),
    text: query?.text ?? policy,
    findings: findings.map(({ severity, message }) => `${severity}: ${message}`),
  }
  const messages = analysisMessages(subject, knowledge, fences(), model.contextTokens)
  return explained(model, messages, reporter)
}

/** The model's prose, passed on as it comes. */
export async function explained(
  model: Model,
  messages: ReturnType<typeof analysisMessages>,
  reporter: Reporter,
): Promise<WorkEnd> {
  let said = false
  const answer = await model.ask({
    messages,
    signal: reporter.signal,
    onText: (piece) => {
      const shown = visible(piece)
      said ||= shown.trim() !== ''
      reporter.text('model', shown)
    },
  })
  reporter.took(answer)
  return { useful: said, attempts: 1 }
}

function summaryOf(findings: readonly Finding[], what: 'policy' | 'query'): string {
  const count = (severity: Finding['severity']) =>
    findings.filter((each) => each.severity === severity).length
  const grades = (['high', 'medium', 'low'] as const)
    .filter((each) => count(each) > 0)
    .map((each) => `${count(each)} ${each}`)
  const result = grades.length === 0 ? 'nothing weak was found' : `found: ${grades.join(', ')}`
  return `No language model was used. The engine looked at this ${what}: ${result}.`
}
