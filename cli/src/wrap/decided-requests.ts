// Every request that acts on something passes here: decided, held for a person's word where a rule wants one, recorded,
// run, redacted. Nothing of it reaches the server before.
import {
  approvalForm,
  approvalRequests,
  approvalResponse,
  withoutApproval,
} from '@mcpshield/mcp/approval-question'
import type { Judged } from '@mcpshield/mcp/judged'
import { INVALID_PARAMS, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import { canAnswer } from '@mcpshield/mcp/questions'
import { ownAnswer, refusal } from '@mcpshield/mcp/refusal'
import type { JsonObject } from '@mcpshield/policy/facts'
import { ASK_TIMEOUT_MS } from '@mcpshield/policy/obligations'
import type { CallToJudge, Judge, Verdict } from './judge.ts'
import type { TaskTerms } from './known-tasks.ts'
import type { OpenRequest } from './open-requests.ts'
import { wordIn, type Person, type Word } from './person.ts'
import type { Carried, RetryStates } from './retry-states.ts'
import { runCall, type RunDeps } from './run-call.ts'
import type { ToolWatch } from './tool-watch.ts'

export type DecidedDeps = RunDeps & {
  /** The server's name in the policy. */
  name: string
  judge: Judge
  states: RetryStates
  person: Person
  /** Whether the person at the client is asked at all. */
  asks: boolean
  tools: ToolWatch
  nowMs(): number
}

/** A request as it is decided. */
export type Deciding = {
  open: OpenRequest
  method: string
  /** As rules name it. */
  tool: string
  arguments: JsonObject
  /** What is sent on. */
  params: JsonObject
  /** Of a request about a task: what its call owes. */
  task?: TaskTerms
}

/** The answer; undefined when the client has taken the request back. */
export async function decidedRequest(deps: DecidedDeps, deciding: Deciding): Promise<RpcAnswer | undefined> {
  const { open, method } = deciding
  const carried = carriedBy(deps, deciding)
  if ('problem' in carried) return { error: { code: INVALID_PARAMS, message: carried.problem } }
  const quarantined = await quarantineOf(deps, deciding)
  const word = wordOn(deps, open, carried)
  const approval = word === 'approved' ? carried.question?.digest : carried.approval
  const judge = (more: Pick<CallToJudge, 'approval' | 'refused'>) =>
    deps.judge.judge({ ...deciding, agent: open.client.agent, quarantined, ...more })
  const refuse = (verdict: Verdict, why?: string) => ownAnswer(open.client.era, refusal(method, verdict, why))
  if (word !== undefined && word !== 'approved') return refuse(await judge({ refused: WORDS[word] }))
  const verdict = await judge({ approval })
  if (verdict.decision.decision === 'deny') return refuse(verdict)
  if (verdict.decision.decision === 'allow') return run(deps, deciding, carried, verdict, approval)
  const question = questionFor(deps, deciding, verdict)
  if (typeof question === 'string') return refuse(verdict, question)
  if (open.client.era === 'modern')
    return { result: inputRequired(deps, deciding, carried, verdict, question) }
  const said = await askNow(deps, open, verdict, question)
  if (said === 'gone') return undefined
  if (said !== 'approved') return refuse(await judge({ refused: WORDS[said] }))
  const again = await judge({ approval: verdict.digest })
  return again.decision.decision === 'allow'
    ? run(deps, deciding, carried, again, verdict.digest)
    : refuse(again, CHANGED)
}

const WORDS = {
  refused: 'The person at the client refused this call.',
  late: 'Nobody approved this call in time.',
} satisfies Record<Exclude<Word, 'approved' | 'gone'>, string>
const CHANGED = 'The policy changed while it was asked for: make the call anew.'

function run(
  deps: DecidedDeps,
  deciding: Deciding,
  carried: Carried,
  verdict: Verdict,
  approval: string | undefined,
): Promise<RpcAnswer | undefined> {
  return runCall(deps, { ...deciding, params: sentParams(deciding, carried) }, verdict, approval)
}

/** Methods whose answers may ask for input, and that are then made again with it. */
const TAKES_INPUT = new Set(['tools/call', 'prompts/get', 'resources/read'])

function carriedBy(
  { states, nowMs }: DecidedDeps,
  { open, ...call }: Deciding,
): Carried | { problem: string } {
  const { requestState } = call.params
  if (open.client.era === 'legacy' || requestState === undefined || !TAKES_INPUT.has(call.method)) return {}
  if (typeof requestState !== 'string') return { problem: 'The requestState must be a string.' }
  return states.take(requestState, call, nowMs())
}

/** What is denied anyway does not wait for the server to tell its tools. */
async function quarantineOf(
  { tools, judge }: DecidedDeps,
  { open, params, task, ...call }: Deciding,
): Promise<string | undefined> {
  if (call.method !== 'tools/call' || task !== undefined) return undefined
  if (judge.denies({ ...call, agent: open.client.agent })) return undefined
  return tools.quarantine(params['name'], open)
}

/** What the person said to the question that the state is of; undefined where none was asked or answered. */
function wordOn(
  { nowMs }: DecidedDeps,
  { request }: OpenRequest,
  { question }: Carried,
): Exclude<Word, 'gone'> | undefined {
  if (question === undefined) return undefined
  if (question.untilMs < nowMs()) return 'late'
  const response = approvalResponse(request.params)
  return response === undefined ? undefined : wordIn(response['action'])
}

/** The question, or why nobody can be asked. */
function questionFor({ asks }: DecidedDeps, deciding: Deciding, { decision }: Verdict): Message | string {
  if (!asks) return 'Nobody can be asked here: the gateway was started with --no-ask.'
  const { tool, arguments: args, open } = deciding
  const question = approvalForm({ tool, arguments: args, rule: decision.rule, reason: decision.reason })
  if (question === undefined) return 'Nobody can be asked here: the call is too long to be shown to a person.'
  if (!canAnswer(open.client.capabilities, question) || !canCarry(deciding))
    return 'Nobody can be asked here: this client takes no questions.'
  return question
}

/** In the modern era a question is an answer to some methods only. */
function canCarry({ open, method }: Deciding): boolean {
  return open.client.era === 'legacy' || TAKES_INPUT.has(method)
}

function askNow(
  { person }: DecidedDeps,
  open: OpenRequest,
  verdict: Verdict,
  question: Message,
): Promise<Word> {
  open.waits()
  return person.ask(question, verdict.decision.obligations.ask_timeout_ms ?? ASK_TIMEOUT_MS, open.signal)
}

function inputRequired(
  { states, nowMs }: DecidedDeps,
  { open, ...call }: Deciding,
  carried: Carried,
  verdict: Verdict,
  question: Message,
): JsonObject {
  const timeoutMs = verdict.decision.obligations.ask_timeout_ms ?? ASK_TIMEOUT_MS
  const responses = withoutApproval(open.request.params['inputResponses']) ?? carried.responses
  const untilMs = carried.question?.untilMs ?? nowMs() + timeoutMs
  const kept: Carried = {
    ...(carried.server === undefined ? {} : { server: carried.server }),
    ...(responses === undefined ? {} : { responses }),
    question: { digest: verdict.digest, untilMs },
  }
  const requestState = states.keep(kept, call, nowMs())
  return { resultType: 'input_required', inputRequests: approvalRequests(question), requestState }
}

/** What goes on: with the server's own state in the place of ours, and the answers to its own questions. */
function sentParams({ open, method, params }: Deciding, carried: Carried): JsonObject {
  if (!TAKES_INPUT.has(method)) return params
  const { requestState: _, inputResponses, ...sent } = params
  // Older revisions know neither: what stands there was not judged.
  if (open.client.era === 'legacy') return sent
  const responses = { ...carried.responses, ...withoutApproval(inputResponses) }
  return {
    ...sent,
    ...(Object.keys(responses).length === 0 ? {} : { inputResponses: responses }),
    ...(carried.server === undefined ? {} : { requestState: carried.server }),
  }
}

/** A request that was read, under the name that rules know it by. */
export function deciding(name: string, open: OpenRequest, read: Judged): Deciding {
  const { method, target, arguments: args, params } = read
  return { open, method, tool: `${name}/${target}`, arguments: args, params }
}
