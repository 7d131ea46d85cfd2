// Calls that a rule wants a person's word on: held until somebody approves or refuses, here or at the client. What is
// approved is exactly this call, once (projects keeps that); restarts lose none, as the same call finds its approval.
import type { ApprovalSnapshot } from '@mcpshield/contracts/projects'
import { AppError } from '@mcpshield/contracts/errors'
import type { Verdict } from '@mcpshield/pdp/verdict'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import {
  approvalForm,
  approvalRequests,
  approvalResponse,
  wantsApproval,
} from '@mcpshield/mcp/approval-question'
import type { Message } from '@mcpshield/mcp/messages'
import { canAnswer } from '@mcpshield/mcp/questions'
import type { Input, Output } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'
import type { Exchange } from './client.ts'

type Rpc = typeof projects.rpc

export type HeldCallDeps = {
  request(input: Input<Rpc['requestApproval']>): Promise<Output<Rpc['requestApproval']>>
  decideInClient(input: Input<Rpc['decideInClient']>): Promise<unknown>
  use(input: Input<Rpc['useApproval']>): Promise<Output<Rpc['useApproval']>>
  approvals: ApprovalWatch
  /** Whether the project takes the word of the person at the client. */
  approvesInClient(projectId: string): boolean
}

/** The state of approvals, as it is told. */
export type ApprovalWatch = {
  get(approvalId: string): ApprovalSnapshot | undefined
  /** Calls back at each change until disposed. */
  on(approvalId: string, changed: () => void): Disposable
}

export type HeldCall = { method: string; tool: string; arguments: JsonObject; verdict: Verdict }

/** `approval` goes into a second decision; `inputRequests` are for a client of the modern era. */
export type Word =
  | { approval: { digest: string; approvedBy: string | null } }
  | { refused: string }
  | { inputRequests: JsonObject; approvalId: string }

const DEFAULT_TIMEOUT_MS = 5 * 60_000
/** How long a modern client's retry waits before it is told to come again. */
const RETRY_WAITS_MS = 20_000

/**
 * Holds a call until there is a word on it, or the client must be asked. `askedOf` is the approval that a retry answers
 * the question about. Throws when the call cannot be held.
 */
export async function hold(
  deps: HeldCallDeps,
  exchange: Exchange,
  call: HeldCall,
  askedOf?: string,
): Promise<Word> {
  const { verdict } = call
  const { credential, agent } = exchange.client
  if (hidesSomething(call.arguments))
    return { refused: 'Its arguments have a member called __proto__, which cannot be shown to a person.' }
  const digest = verdict.digest()
  const project_id = credential.project_id
  const { approval_id, state, url, expires_at } = await deps.request({
    project_id,
    digest,
    method: call.method,
    tool: call.tool,
    arguments: call.arguments,
    rule: verdict.decision.rule,
    reason: verdict.decision.reason,
    policy_version: verdict.policyVersion ?? 0,
    agent,
    key_id: credential.key_id,
    user: credential.user ?? null,
    decision_id: verdict.id,
    timeout_ms: verdict.owes.ask_timeout_ms ?? DEFAULT_TIMEOUT_MS,
  })
  const held: Held = {
    exchange,
    call,
    project_id,
    approval_id,
    url,
    untilMs: Date.parse(expires_at),
    inClient: deps.approvesInClient(project_id),
    isAnswered: askedOf === approval_id,
  }
  const word = state === 'pending' ? await wordOf(deps, held) : { state, note: null }
  if ('inputRequests' in word) return { ...word, approvalId: approval_id }
  if (word.state !== 'approved') return { refused: refusalOf(word.state, word.note, url) }
  const { approved_by } = await deps.use({ project_id, approval_id, digest })
  return { approval: { digest, approvedBy: approved_by } }
}

/** A person is shown what travels to them, and this name does not. */
function hidesSomething(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hidesSomething)
}

type Held = {
  exchange: Exchange
  call: HeldCall
  project_id: string
  approval_id: string
  url: string
  untilMs: number
  inClient: boolean
  /** Modern era: the request is the retry of one whose result asked about this very approval. */
  isAnswered: boolean
}

/** What the client is asked; to a form the answer is a person's word on the call, to a link it is none. */
type Question = { message: Message; takesWord: boolean }

type Decided = Pick<ApprovalSnapshot, 'state' | 'note'>

async function wordOf(deps: HeldCallDeps, held: Held): Promise<Decided | { inputRequests: JsonObject }> {
  const { exchange } = held
  const question = questionFor(held)
  if (exchange.client.era === 'legacy') {
    if (question !== undefined) void askNow(deps, held, question)
    return waitFor(deps.approvals, held, held.untilMs)
  }
  if (question === undefined) return waitFor(deps.approvals, held, held.untilMs)
  const response = held.isAnswered ? approvalResponse(exchange.request.params) : undefined
  if (response === undefined) return { inputRequests: approvalRequests(question.message) }
  const { action } = response
  if (action === 'cancel' || (action === 'decline' && !question.takesWord))
    return { state: 'pending', note: null }
  if (question.takesWord) await take(deps, held, response)
  const word = await waitFor(deps.approvals, held, Math.min(held.untilMs, Date.now() + RETRY_WAITS_MS))
  return word.state === 'pending' ? { inputRequests: approvalRequests(question.message) } : word
}

/** What the client's person is shown: the call as it will run; or, where their word is not taken, where to get one. */
function questionFor({ exchange, call, url, inClient, approval_id }: Held): Question | undefined {
  const { rule, reason } = call.verdict.decision
  const asked = { tool: call.tool, arguments: call.arguments, rule, reason }
  const { capabilities } = exchange.client
  const form = inClient ? approvalForm(asked) : undefined
  if (form !== undefined && canAnswer(capabilities, form)) return { message: form, takesWord: true }
  const link: Message = {
    method: 'elicitation/create',
    params: {
      mode: 'url',
      message: `${wantsApproval(asked)} Someone who may approve it does so here.`,
      url,
      elicitationId: approval_id,
    },
  }
  return canAnswer(capabilities, link) ? { message: link, takesWord: false } : undefined
}

async function askNow(deps: HeldCallDeps, held: Held, { message, takesWord }: Question): Promise<void> {
  const answer = await held.exchange.ask(message, held.exchange.signal)
  if ('result' in answer && takesWord) await take(deps, held, answer.result).catch(() => undefined)
}

/** A person's word at the client. */
async function take(deps: HeldCallDeps, held: Held, response: JsonObject): Promise<void> {
  const { action } = response
  const { project_id, approval_id } = held
  if (action !== 'accept' && action !== 'decline') return
  const approve = action === 'accept'
  try {
    await deps.decideInClient({ project_id, approval_id, approve })
  } catch (error) {
    // Somebody else was quicker: their word counts.
    if (!(error instanceof AppError) || (error.code !== 'CONFLICT' && error.code !== 'EXPIRED')) throw error
  }
}

/** Until there is a word, or time is up: the approval's own, or only that of whoever waits. */
function waitFor(
  approvals: ApprovalWatch,
  { approval_id, exchange, untilMs: overMs }: Held,
  untilMs: number,
): Promise<Decided> {
  const { promise, resolve, reject } = Promise.withResolvers<Decided>()
  const look = () => {
    const known = approvals.get(approval_id)
    if (known !== undefined && known.state !== 'pending') resolve(known)
  }
  const watching = approvals.on(approval_id, look)
  const late: Decided = { state: untilMs < overMs ? 'pending' : 'expired', note: null }
  const timer = setTimeout(() => resolve(late), Math.max(0, untilMs - Date.now()))
  const gone = () => reject(new AppError('UNAVAILABLE', 'The client went away.'))
  if (exchange.signal.aborted) gone()
  else exchange.signal.addEventListener('abort', gone, { once: true })
  look()
  return promise.finally(() => {
    watching[Symbol.dispose]()
    clearTimeout(timer)
    exchange.signal.removeEventListener('abort', gone)
  })
}

function refusalOf(state: Decided['state'], note: string | null, url: string): string {
  const said = note === null || note === '' ? '' : ` They said: ${note}`
  switch (state) {
    case 'refused':
      return `A person refused this call.${said}`
    case 'used':
      return 'The approval of this call was used already.'
    case 'pending':
      return `The call is still held: once somebody has approved it at ${url}, make it again.`
    default:
      return 'Nobody approved this call in time.'
  }
}
