// Every endpoint of the contract. The three jobs begin alike: whose project it is, who answers, whether the plan includes it; then
// the work goes on by itself, and this and every following call tells what came of it.
import type { Call } from '@mcpshield/bus/rpc'
import type { ai, AiJob, Draft } from '@mcpshield/contracts/ai'
import type { Handlers, ParsedInput } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { hasRight, signedIn, type SignedIn } from '@mcpshield/contracts/rights'
import { healthOf, type Checks } from '@mcpshield/runtime/health'
import { advised } from './advise.ts'
import { analyzed } from './analyze.ts'
import type { Conversations } from './conversation-store.ts'
import type { EventLog } from './event-log.ts'
import { firstCursor, follow, type Followed, type Piece } from './follow.ts'
import { learn, withResources, type Asking, type Knowledge, type KnowledgeDeps } from './knowledge.ts'
import type { Model } from './model.ts'
import type { Runner, Work } from './runner.ts'
import { monthOf, type Uses } from './uses.ts'
import { writeByModel, writeByTemplates, type PolicyWork, type Written } from './write-policy.ts'

export type AiDeps = KnowledgeDeps & {
  model: Model
  uses: Uses
  conversations: Conversations
  events: EventLog
  runner: Runner
  /** Aborted when the instance stops. */
  stopping: AbortSignal
  /** Checks a policy as saving it does. */
  validate(
    input: { project_id: string; policy_yaml: string },
    asking: Asking,
  ): Promise<{ diagnostics: Draft['problems'] }>
  limitOf(orgId: string): number | null
  now(): Date
  checks: Checks
}

/**
 * The plan's uses are few and a team's own: who may only look gets what code finds, which counts nothing, and uses up nothing
 * of those who work on policies.
 */
function mayAskModel(role: SignedIn['role']): boolean {
  return hasRight(role, 'change')
}

const NOT_THE_MODEL =
  'Your role here may not change policies, so the built-in findings and checklists answer. They ask no model and count nothing.'

/** Models are slow and memory is not endless; who comes later is told to come again. */
const MAX_RUNNING = 40

export function aiService(deps: AiDeps): Handlers<typeof ai.rpc, Call> {
  const following = (cursor: string, call: Call) => follow(followed(deps), cursor, signedIn(call.caller))
  return {
    draftPolicy: (input, call) =>
      input.cursor === undefined
        ? draftPolicy(deps, input, call).then((id) => following(firstCursor(id), call))
        : following(input.cursor, call),

    async analyze(input, call) {
      if (input.cursor !== undefined) return following(input.cursor, call)
      const begun = await begin(deps, 'analyze', input, call)
      const { policy_yaml = begun.knowledge.policy_yaml, query } = input
      return started(deps, begun, call, async (reporter) => {
        const knowledge = await begun.more()
        return analyzed({ policy: policy_yaml, query, knowledge, model: begun.model }, reporter)
      })
    },

    async advise(input, call) {
      if (input.cursor !== undefined) return following(input.cursor, call)
      const begun = await begin(deps, 'advise', input, call)
      const { question, infrastructure } = input
      const { knowledge, model } = begun
      return started(deps, begun, call, (reporter) =>
        advised({ question, infrastructure, knowledge, model }, reporter),
      )
    },

    async getAiUsage(_input, call) {
      const { org_id, role } = signedIn(call.caller)
      const [months, standing] = await Promise.all([deps.uses.months(org_id), deps.model.standing()])
      const month = monthOf(deps.now())
      const current = months.find((each) => each.month === month)
      return {
        month,
        used: current?.used ?? 0,
        limit: deps.limitOf(org_id),
        input_tokens: current?.input_tokens ?? 0,
        output_tokens: current?.output_tokens ?? 0,
        months,
        model: {
          ...{ name: deps.model.name, state: standing.state },
          detail: standing.detail ?? (mayAskModel(role) ? null : NOT_THE_MODEL),
          template: standing.state !== 'ready' || !mayAskModel(role),
        },
      }
    },

    listConversations: (input, call) => deps.conversations.list(signedIn(call.caller), input),
    getConversation: ({ conversation_id }, call) =>
      deps.conversations.get(signedIn(call.caller), conversation_id),
    async deleteConversation({ conversation_id }, call) {
      await deps.conversations.remove(signedIn(call.caller), conversation_id)
      return {}
    },

    checkHealth: () => healthOf(deps.checks),
  }
}

type Begun = {
  id: string
  caller: SignedIn
  knowledge: Knowledge
  /** The same with the names of what is stored, which takes a moment. */
  more(): Promise<Knowledge>
  /** Absent where templates answer. */
  model: Model | undefined
  notice: string | null
}

type Beginning = { project_id: string; source: 'auto' | 'template' }

async function begin(
  deps: AiDeps,
  job: AiJob,
  { project_id, source }: Beginning,
  call: Call,
): Promise<Begun> {
  const caller = signedIn(call.caller)
  const asking = { caller: call.caller, requestId: call.requestId }
  const knowledge = await learn(deps, project_id, asking)
  const isAllowed = mayAskModel(caller.role)
  const standing = source === 'template' || !isAllowed ? undefined : await deps.model.standing()
  const model = standing?.state === 'ready' ? deps.model : undefined
  if (deps.runner.running() >= MAX_RUNNING)
    throw new AppError('UNAVAILABLE', 'The assistant is busy; try again in a moment.', {
      retry_after_ms: 5_000,
    })
  const id = await deps.uses.begin({
    ...{ caller, requestId: call.requestId, project_id, job },
    source: model === undefined ? 'template' : 'model',
    model: model?.name ?? null,
  })
  return {
    ...{ id, caller, knowledge, model },
    more: () => withResources(deps, project_id, knowledge, asking),
    notice: source === 'template' || isAllowed ? (standing?.detail ?? null) : NOT_THE_MODEL,
  }
}

const NOTHING_DONE = { state: 'failed', refund: true, tokens: { input: 0, output: 0 }, attempts: 0 } as const

/** Begins the work and answers its first events. */
async function started(
  deps: AiDeps,
  begun: Begun,
  call: Call,
  work: Work,
  conversation_id: string | null = null,
): Promise<Piece> {
  await startWork(deps, begun, work, conversation_id)
  return follow(followed(deps), firstCursor(begun.id), signedIn(call.caller))
}

function followed({ events, runner, stopping }: AiDeps): Followed {
  return { log: events, endLost: (id) => runner.endLost(id), stopping }
}

async function startWork(
  { runner, uses }: AiDeps,
  { id, caller, model, notice }: Begun,
  work: Work,
  conversation_id: string | null,
): Promise<void> {
  const { org_id, user_id } = caller
  try {
    await runner.start(id, { org_id, user_id }, async (reporter) => {
      const source = model === undefined ? 'template' : 'model'
      await reporter.emit({
        type: 'conversation',
        conversation_id,
        source,
        model: model?.name ?? null,
        notice,
      })
      await reporter.emit({ type: 'step', step: 'reading', attempt: 1 })
      return work(reporter)
    })
  } catch (error) {
    // Nobody will read its events: it has not begun.
    await uses.end(org_id, id, NOTHING_DONE)
    throw error
  }
}

type DraftInput = ParsedInput<typeof ai.rpc.draftPolicy>

async function draftPolicy(deps: AiDeps, input: DraftInput, call: Call): Promise<string> {
  const { conversations, validate } = deps
  const { project_id, prompt, conversation_id: given } = input
  const caller = signedIn(call.caller)
  const asking = { caller: call.caller, requestId: call.requestId }
  // What is not there is said before anything is counted.
  if (given !== undefined) await conversations.open(caller, project_id, given, prompt)
  const begun = await begin(deps, 'policies', input, call)
  const conversationId = given ?? (await conversations.open(caller, project_id, undefined, prompt))
  const said = await conversations.recent(caller.org_id, conversationId)
  const lastDraft = said.findLast(({ policy }) => policy !== null)?.policy
  const work: Omit<PolicyWork, 'knowledge'> = {
    request: prompt,
    base: input.policy_yaml ?? lastDraft ?? begun.knowledge.policy_yaml,
    said,
    validate: async (policy_yaml) => (await validate({ project_id, policy_yaml }, asking)).diagnostics,
  }
  await startWork(
    deps,
    begun,
    async (reporter) => {
      const whole = { ...work, knowledge: await begun.more() }
      const written =
        begun.model === undefined
          ? await writeByTemplates(whole, reporter)
          : await writeByModel(whole, begun.model, reporter)
      await remember(
        deps,
        { caller, conversationId, prompt, source: begun.model === undefined ? 'template' : 'model' },
        written,
      )
      return written
    },
    conversationId,
  )
  return begun.id
}

async function remember(
  { conversations }: AiDeps,
  {
    caller,
    conversationId,
    prompt,
    source,
  }: { caller: SignedIn; conversationId: string; prompt: string; source: 'model' | 'template' },
  { reply, draft }: Written,
): Promise<void> {
  await conversations.add(caller.org_id, conversationId, [
    { role: 'user', text: prompt, policy: null, source: null },
    { role: 'assistant', text: reply, policy: draft?.policy ?? null, source },
  ])
}
