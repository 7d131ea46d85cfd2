// A policy from a sentence. The model proposes, at most three times; each proposal is put into the policy, tested and checked by
// code, and what is wrong goes back to the model. Without a model, templates propose, and the same happens to that.
import type { Draft } from '@mcpshield/contracts/ai'
import { compose } from './compose.ts'
import type { Said } from './conversation-store.ts'
import { draftOf, testsOfRules } from './draft.ts'
import { fences } from './fences.ts'
import type { Knowledge } from './knowledge.ts'
import type { Model } from './model.ts'
import { policyMessages, type Failed } from './prompts.ts'
import { readProposal, type Proposal } from './proposal.ts'
import { proposalSchema } from './proposal-schema.ts'
import type { Reporter, WorkEnd } from './runner.ts'
import { visible } from './visible.ts'
import { templateAnswer } from './templates/assistant.ts'

export type PolicyWork = {
  request: string
  /** What the draft begins from. */
  base: string
  said: readonly Said[]
  knowledge: Knowledge
  /** Checks a text as saving does. */
  validate(text: string): Promise<Draft['problems']>
}

/** What was said, for the conversation. */
export type Written = WorkEnd & { reply: string; draft: Draft | undefined }

export const MAX_ATTEMPTS = 3

export async function writeByModel(work: PolicyWork, model: Model, reporter: Reporter): Promise<Written> {
  const fenced = fences()
  const { request, base, said, knowledge } = work
  const prompt = { request, base, said, knowledge }
  let failed: Failed | undefined
  let best: { draft: Draft; reply: string } | undefined
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    await reporter.emit({ type: 'step', step: attempt === 1 ? 'writing' : 'repairing', attempt })
    const messages = policyMessages(prompt, fenced, model.contextTokens, failed)
    const answer = await model.ask({ messages, format: proposalSchema(), signal: reporter.signal })
    reporter.took(answer)
    const read = readProposal(answer.text)
    await reporter.emit({ type: 'step', step: 'checking', attempt })
    if ('proposal' in read) {
      const draft = await dispose(work, read.proposal, 'model', attempt)
      best = { draft, reply: visible(read.proposal.reply) }
      if (draft.valid) break
    }
    const problems = 'proposal' in read ? problemsOf(best?.draft) : [cutShort(answer.whole, read.problem)]
    failed = { answer: answer.text, problems }
  }
  return tell(best, reporter)
}

async function tell(best: { draft: Draft; reply: string } | undefined, reporter: Reporter): Promise<Written> {
  if (best === undefined) {
    const reply = `The model gave no proposal that can be read, in ${MAX_ATTEMPTS} attempts. Say it in other words, or use the built-in templates.`
    reporter.text('template', reply)
    return { useful: false, attempts: MAX_ATTEMPTS, reply, draft: undefined }
  }
  const { draft, reply } = best
  if (draft.valid) reporter.text('model', reply)
  else {
    reporter.text(
      'template',
      'The proposal does not hold; what is wrong with it is listed. It could not be saved as it is.',
    )
  }
  await reporter.emit({ type: 'draft', draft })
  return { useful: draft.valid, attempts: draft.attempts, reply, draft }
}

function cutShort(whole: boolean, problem: string): string {
  return whole ? problem : `${problem} The answer was cut off: it is too long. Give fewer rules and tests.`
}

export async function writeByTemplates(work: PolicyWork, reporter: Reporter): Promise<Written> {
  await reporter.emit({ type: 'step', step: 'writing', attempt: 1 })
  const { reply, proposal } = templateAnswer(work.request, work.base, work.knowledge)
  reporter.text('template', reply)
  if (proposal === undefined) return { useful: true, attempts: 1, reply, draft: undefined }
  await reporter.emit({ type: 'step', step: 'checking', attempt: 1 })
  const draft = await dispose(work, proposal, 'template', 1)
  await reporter.emit({ type: 'draft', draft })
  return { useful: true, attempts: 1, reply, draft }
}

async function dispose(
  { base, knowledge, validate }: PolicyWork,
  proposal: Proposal,
  source: Draft['source'],
  attempts: number,
): Promise<Draft> {
  const ids = new Set(proposal.rules.map(({ id }) => id))
  const untested = compose(base, proposal, [])
  const tests = [...proposal.tests, ...testsOfRules(untested, ids, knowledge)]
  const text = tests.length === 0 ? untested : compose(base, proposal, tests)
  return draftOf({ text, base, source, attempts, diagnostics: await validate(text) }, knowledge)
}

const MAX_PROBLEMS = 8

function problemsOf(draft: Draft | undefined): string[] {
  const lines = draft?.policy.split('\n') ?? []
  return (draft?.problems ?? [])
    .filter(({ severity }) => severity === 'error')
    .slice(0, MAX_PROBLEMS)
    .map(({ line, message, fix }) => {
      const place = lines[line - 1]?.trim().slice(0, 120) ?? ''
      return `At \`${place}\`: ${message}${fix === undefined ? '' : ` Mend: ${fix}.`}`
    })
}
