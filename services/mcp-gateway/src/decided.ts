// THE choke point: every request that acts on something passes here. Decide, hold, record, run, redact, record what came
// of it. Nothing reaches an upstream before the decision, and nothing is released before its record is stored.
import { hash } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import { writeAnswer, type WrittenAnswer } from '@mcpshield/mcp/json-rpc'
import { withoutApproval } from '@mcpshield/mcp/approval-question'
import { headerMismatch } from '@mcpshield/mcp/param-headers'
import {
  HEADER_MISMATCH,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  isObject,
  META,
  metaOf,
  type Message,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import { redactAnswer, redactMessage } from '@mcpshield/mcp/redact-answer'
import { mayShowFields } from '@mcpshield/redact/statement-columns'
import { failure, ownAnswer, refusal } from '@mcpshield/mcp/refusal'
import type { DecisionPoint } from '@mcpshield/pdp/decide-call'
import type { Verdict } from '@mcpshield/pdp/verdict'
import type { CallOutcome } from '@mcpshield/pdp/record'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { KeyedHash } from '@mcpshield/redact/marker'
import { isChange } from '@mcpshield/upstream/change-filter'
import type { Log } from '@mcpshield/runtime/log'
import { cannotAnswer, cross, inEraOf, modernResult, TAKES_INPUT, type Crossing } from './bridge.ts'
import { elsewhere, type Client, type Exchange } from './client.ts'
import { runConnector } from './connector-call.ts'
import type { Conversations } from './conversations.ts'
import { hold, type HeldCallDeps } from './held-calls.ts'
import type { LegacyListening } from './legacy-listening.ts'
import type { OpenCalls, Opened, Step } from './open-calls.ts'
import { ownTrace, tracedRun } from './request-span.ts'
import type { ProjectRuntime, RunningUpstream } from './runtimes.ts'
import type { Bound, SealedStates } from './sealed-state.ts'
import type { Target } from './targets.ts'
import { madeTask } from '@mcpshield/mcp/task-methods'
import { inClientsNames } from './task-names.ts'
import { renamedTask, withSealedTask, type TaskTerms } from './tasks.ts'
import { listedTools } from './upstream-lists.ts'

export type DecidedDeps = {
  runtimeOf(projectId: string): Promise<ProjectRuntime>
  pdp: DecisionPoint
  conversations: Conversations
  openCalls: OpenCalls
  listening: LegacyListening
  /** What is told outside of a decided call, redacted. */
  standing(client: Client, message: Message): Message
  held: HeldCallDeps
  states: SealedStates
  /** True for the first who asks with this id, at whichever instance. */
  once(id: string, forMs: number): Promise<boolean>
  upstreamTimeoutMs: number
  /** For redactions that replace by a hash. */
  keyedHash: KeyedHash
  log: Log
}

/** A request and what it acts on. */
export type Request = {
  exchange: Exchange
  runtime: ProjectRuntime
  target: Target
  /** Of a request about a task: whose it is, and what its call owes. */
  task?: TaskTerms
}

/** What running a request gave, redacted. */
export type Ran = {
  answer: RpcAnswer
  outcome: CallOutcome['outcome']
  rows: number | null
  redactions: number
  /** Of an upstream's result as a whole; connectors cut their rows themselves. */
  maxBytes?: number | undefined
}

/** What a client of the modern era carries from an input-required result to its retry. */
type Carried = {
  /** The upstream's own state, or the open call that waits. */
  upstream?: string
  open?: Opened
  /** Of the approval that the client's person was asked for. */
  asked?: string
  /** The approval that the first round was let through by. */
  approval?: { digest: string; approvedBy: string | null }
  /** Unix milliseconds: however many rounds a call takes, its approval ends. */
  approvalUntilMs?: number
}

export async function serveDecided(deps: DecidedDeps, given: Request): Promise<WrittenAnswer> {
  let request = given
  const { exchange, target } = request
  const carried = await carriedBy(deps, request)
  if ('problem' in carried) return malformed(deps, exchange, INVALID_PARAMS, carried.problem)
  const mismatch = wrongHeader(request)
  if (mismatch !== undefined) return malformed(deps, exchange, HEADER_MISMATCH, mismatch)
  let verdict = await decide(deps, request, carried.approval)
  let approval = carried.approval
  if (!verdict.forward && verdict.decision.decision === 'ask') {
    const failed = await stored(verdict, target.method, exchange)
    if (failed !== undefined) return failed
    const word = await held(deps, request, verdict, carried.asked)
    if ('refused' in word) return own(exchange, refusal(target.method, verdict, word.refused))
    if ('inputRequests' in word) return askingFor(deps, request, carried, word)
    approval = word.approval
    // While it was held, the systems may have become others.
    request = { ...request, runtime: await deps.runtimeOf(exchange.client.credential.project_id) }
    verdict = await decide(deps, request, approval)
  }
  if (!verdict.forward) {
    lookAgain(deps, request)
    return refused(verdict, target.method, exchange)
  }
  return run(
    deps,
    { ...request, carried: { ...carried, ...(approval === undefined ? {} : { approval }) } },
    verdict,
  )
}

function decide(
  deps: DecidedDeps,
  { exchange, runtime, target }: Request,
  approval: Carried['approval'],
): Promise<Verdict> {
  const { client, requestId, traceId } = exchange
  return deps.pdp.decideCall({
    credential: client.credential,
    method: target.method,
    tool: target.tool,
    arguments: target.arguments,
    agent: client.agent,
    requestId,
    traceId,
    carried: carriedIn(target.params),
    quarantined: quarantineOf(runtime, target),
    approval,
  })
}

/** What a call takes along beside its arguments. */
function carriedIn({ _meta = {}, inputResponses = {}, task = {} }: JsonObject): JsonObject {
  return { _meta, inputResponses, task }
}

function quarantineOf(runtime: ProjectRuntime, { at }: Target): string | undefined {
  return 'slug' in at && at.tool !== null ? runtime.upstream(at.slug)?.catalog.quarantine(at.tool) : undefined
}

/** A quarantine ends by itself when the server goes back to what was approved: whoever calls the tool may learn of it. */
function lookAgain(deps: DecidedDeps, request: Request): void {
  const { exchange, runtime, target } = request
  if (!('slug' in target.at) || quarantineOf(runtime, target) === undefined) return
  const { slug } = target.at
  if (!deps.pdp.mayList(exchange.client.credential, slug)) return
  runtime
    .upstream(slug)
    ?.catalog.refresh(listOf(deps, request, slug))
    .catch(() => undefined)
}

function listOf(deps: DecidedDeps, { exchange, runtime }: Request, slug: string) {
  return async () => listedTools(await deps.conversations.with(runtime, slug, exchange))
}

function wrongHeader({ exchange, runtime, target: { at, arguments: args } }: Request): string | undefined {
  if (exchange.client.era !== 'modern' || !('slug' in at) || at.tool === null) return undefined
  const params = runtime.upstream(at.slug)?.catalog.headerParams(at.tool) ?? []
  return params.length === 0 ? undefined : headerMismatch(params, args, exchange.paramHeaders)
}

async function held(
  deps: DecidedDeps,
  { exchange, target }: Request,
  verdict: Verdict,
  askedOf: string | undefined,
) {
  try {
    return await elsewhere(exchange, 'person', () =>
      hold(deps.held, exchange, { ...target, verdict }, askedOf),
    )
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { refused: error.message }
  }
}

/** The question for the client's person; its answer counts with the state that goes out with it, once. */
async function askingFor(
  deps: DecidedDeps,
  { exchange, target }: Request,
  { approval: _, ...carried }: Carried,
  { inputRequests, approvalId }: { inputRequests: JsonObject; approvalId: string },
): Promise<WrittenAnswer> {
  const state: Carried = { ...carried, asked: approvalId }
  const requestState = await deps.states.seal(state, boundTo(exchange, target), STATE_LIFETIME_MS)
  return writeAnswer({ result: { ...inputRequired(inputRequests), requestState } })
}

async function refused(verdict: Verdict, method: string, exchange: Exchange): Promise<WrittenAnswer> {
  return (await stored(verdict, method, exchange)) ?? own(exchange, refusal(method, verdict))
}

/** An answer of our own, in the words of the client's era. */
function own({ client }: Exchange, answer: RpcAnswer): WrittenAnswer {
  return writeAnswer(ownAnswer(client.era, answer))
}

/** The record of a request that says one thing and another. */
async function malformed(
  deps: DecidedDeps,
  exchange: Exchange,
  code: number,
  message: string,
): Promise<WrittenAnswer> {
  await deps.pdp
    .recordMalformed(exchange.client.credential, { reason: message, requestId: exchange.requestId })
    .catch(() => undefined)
  return writeAnswer({ error: { code, message } })
}

/** Waits for the record; when it cannot be stored the client learns that, and nothing else. */
async function stored(
  verdict: Verdict,
  method: string,
  exchange: Exchange,
): Promise<WrittenAnswer | undefined> {
  try {
    await verdict.recorded
    return undefined
  } catch {
    const message =
      'Denied: the audit log did not acknowledge the record of this call; try again in a moment.'
    return own(exchange, failure(method, INTERNAL_ERROR, message))
  }
}

type Running = Request & { carried: Carried }

async function run(deps: DecidedDeps, running: Running, verdict: Verdict): Promise<WrittenAnswer> {
  const { exchange, target } = running
  const { method } = target
  if (!verdict.readOnly) {
    // A call that may change something waits for its record; a read runs beside it.
    const failed = await stored(verdict, method, exchange)
    if (failed !== undefined) return failed
  }
  const startedMs = performance.now()
  const { written, ...outcome } = await runCall(deps, running, verdict)
  const failed = await stored(verdict, method, exchange)
  void verdict.finish({
    ...outcome,
    durationMs: performance.now() - startedMs,
    resultDigest: hash('sha256', written.json),
  })
  return failed ?? written
}

/** A run whose answer is text, ready to be sent. */
type Done = { written: WrittenAnswer; bytes: number } & Omit<Ran, 'answer' | 'maxBytes'>

async function runCall(deps: DecidedDeps, running: Running, verdict: Verdict): Promise<Done> {
  const { target, runtime, exchange } = running
  try {
    const { at } = target
    const ran = await tracedRun(exchange, target, () =>
      'connector' in at
        ? runConnector(runtime.connectors, {
            tool: at.connector,
            arguments: target.arguments,
            verdict,
            keyedHash: deps.keyedHash,
            exchange,
          }).then((each) => inClientsEra(exchange, each))
        : runUpstream(deps, running, at.slug, verdict),
    )
    return writeRan(ran, target.method, exchange)
  } catch (error) {
    return writeRan(failed(deps, error, running, verdict), target.method, exchange)
  }
}

/** A connector has no era of its own. */
function inClientsEra({ client }: Exchange, ran: Ran): Ran {
  if (client.era === 'legacy' || 'error' in ran.answer) return ran
  return {
    ...ran,
    answer: {
      result: modernResult('tools/call', ran.answer.result, { name: 'mcpshield', version: '0.1.0' }),
    },
  }
}

/** Writes the answer. One over its limit of bytes is withheld: half a message would be no message. */
function writeRan(
  { answer, maxBytes = Number.POSITIVE_INFINITY, ...rest }: Ran,
  method: string,
  exchange: Exchange,
): Done {
  const written = writeBounded(answer)
  const bytes = Buffer.byteLength(written.json)
  if (bytes <= maxBytes) return { ...rest, written, bytes }
  const message = `The result was withheld: it has ${bytes} bytes, and the policy lets ${maxBytes} through.`
  return { ...rest, outcome: 'cut', written: own(exchange, failure(method, INTERNAL_ERROR, message)), bytes }
}

function writeBounded(answer: RpcAnswer): WrittenAnswer {
  try {
    return writeAnswer(answer)
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'The upstream’s answer is nested too deeply to be passed on.', {
      cause,
    })
  }
}

/** What went wrong, for the client: a sentence of ours, without what the policy's detectors find in it. */
function failed(deps: DecidedDeps, error: unknown, { exchange, target }: Running, verdict: Verdict): Ran {
  const { requestId } = exchange
  const known = error instanceof AppError
  if (!known || error.code === 'UNAVAILABLE')
    deps.log.warn({ err: error, tool: target.tool, requestId }, 'call failed')
  const message = known ? error.message : `Something went wrong on our side. Request ${requestId}.`
  // Fields are rows' matter: a rule about them would withhold every sentence.
  const detectors = verdict.owes.redact.filter((each) => !('fields' in each))
  const code = known && error.code === 'NOT_FOUND' ? INVALID_PARAMS : INTERNAL_ERROR
  const redacted = redactAnswer(
    target.method,
    failure(target.method, code, message),
    detectors,
    deps.keyedHash,
    [],
  )
  return {
    answer: ownAnswer(exchange.client.era, redacted.answer),
    outcome: outcomeOf(error, exchange),
    rows: null,
    redactions: redacted.count,
  }
}

function outcomeOf(error: unknown, { signal }: Exchange): Ran['outcome'] {
  if (signal.aborted) return 'cancelled'
  return error instanceof AppError && error.code === 'DEADLINE_EXCEEDED' ? 'timeout' : 'error'
}

async function runUpstream(
  deps: DecidedDeps,
  running: Running,
  slug: string,
  verdict: Verdict,
): Promise<Ran> {
  const { exchange, runtime, target, task, carried } = running
  const upstream = runtime.upstream(slug)
  if (upstream === undefined) {
    const error = { code: INVALID_PARAMS, message: `There is no tool ${target.tool}.` }
    return { answer: { error }, outcome: 'error', rows: null, redactions: 0 }
  }
  const peer = await elsewhere(exchange, 'upstream', () => deps.conversations.with(runtime, slug, exchange))
  if (peer.era === 'legacy' && answersNothing(running)) {
    const error = { code: INVALID_PARAMS, message: ANSWERS_NOTHING }
    return { answer: { error }, outcome: 'error', rows: null, redactions: 0 }
  }
  const changed = await elsewhere(exchange, 'upstream', () => changedMeanwhile(deps, running, upstream))
  if (changed !== undefined) return changed
  const obligations =
    task === undefined ? verdict.owes : { ...verdict.owes, redact: [...verdict.owes.redact, ...task.redact] }
  const redacted = (message: Message) => redactMessage(message, obligations.redact, deps.keyedHash)
  // What a column is called in a message is the server's to say: then nothing it says is passed on.
  const isWithheld = mayShowFields(verdict.facts?.accesses ?? [], obligations.redact)
  const named = (message: Message) => inClientsNames(message, (id) => taskName(deps, running, slug, id))
  const crossing = {
    peer,
    method: exchange.request.method,
    params: await sentParams(deps, running, peer),
    timeoutMs: obligations.timeout_ms ?? deps.upstreamTimeoutMs,
    exchange,
    // What is told before the record is stored would be released before it.
    tell: (message: Message) =>
      void verdict.recorded.then(
        () => {
          // A task that is told of before its call has been answered has no name yet.
          const told = named(message)
          if (told === undefined || isWithheld) return
          // Over stdio a change comes with whatever is under way.
          if (deps.pdp.mayHear(exchange.client.credential, slug, told)) tellInEra(exchange, redacted(told))
        },
        () => undefined,
      ),
    ask: async (message: Message, signal: AbortSignal): Promise<RpcAnswer> => {
      await verdict.recorded
      if (isWithheld) return cannotAnswer(message)
      return exchange.ask(redacted(named(message) ?? message), signal)
    },
  }
  const { open } = carried
  const step = await elsewhere(exchange, 'upstream', () =>
    open === undefined
      ? begin(deps, running, crossing)
      : deps.openCalls.resume(open, responsesIn(exchange), crossing),
  )
  if (step === undefined) throw new AppError('NOT_FOUND', 'The call is not held open any more: make it anew.')
  const answer = inEraOf(exchange.client, peer, exchange.request.method, answerOf(step))
  const accesses = verdict.facts?.accesses ?? []
  const shown = redactAnswer(target.method, answer, obligations.redact, deps.keyedHash, accesses)
  const isError = 'error' in answer || answer.result['isError'] === true
  return {
    answer: await carrying(deps, running, step, ownAnswer(exchange.client.era, shown.answer), {
      slug,
      ...obligations,
    }),
    outcome: isError ? 'error' : 'ok',
    rows: null,
    redactions: shown.count,
    maxBytes: tighter(obligations.max_bytes, task?.max_bytes),
  }
}

const ANSWERS_NOTHING =
  'These inputResponses answer nothing: the requestState that came with the questions is missing.'

/**
 * At a server of the legacy era the call that asked is held open here, and only its state finds it. A modern server without
 * a state of its own takes answers that come with none.
 */
function answersNothing({ exchange, target, carried }: Running): boolean {
  const isRetry = exchange.client.era === 'modern' && TAKES_INPUT.has(target.method)
  return (
    isRetry && carried.open === undefined && withoutApproval(target.params['inputResponses']) !== undefined
  )
}

/** The client's id of a task: that of the request, or the one it got from the call that made it. */
function taskName(
  { conversations }: DecidedDeps,
  { exchange, task }: Running,
  slug: string,
  id: string,
): string | undefined {
  const { client, request } = exchange
  const { taskId } = request.params
  if (id === task?.task && typeof taskId === 'string') return taskId
  return conversations.tasks.of(client.session, slug, id)
}

/** A legacy client’s subscription at a modern server is a stream of ours. */
async function begin(deps: DecidedDeps, { exchange, target }: Running, crossing: Crossing): Promise<Step> {
  const { era, session } = exchange.client
  const { method, peer } = crossing
  if (era === 'modern' || peer.era === 'legacy' || !SUBSCRIBES.has(method))
    return cross(crossing, deps.openCalls)
  const uri = textOf(target.params['uri'])
  if (method === 'resources/unsubscribe') return { answer: deps.listening.unsubscribe(session, peer, uri) }
  const { slug = '' } = target.at as { slug?: string }
  const tell = (message: Message) => {
    if (deps.pdp.mayHear(exchange.client.credential, slug, message))
      session?.notify(deps.standing(exchange.client, message))
  }
  return { answer: await deps.listening.subscribe(session, peer, uri, tell) }
}

/** Of a parameter that was read as one. */
function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

const SUBSCRIBES = new Set(['resources/subscribe', 'resources/unsubscribe'])

function tighter(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? (left ?? right) : Math.min(left, right)
}

/**
 * A definition may have changed since it was last read. Then the call is decided once more, and denied. Nothing of the
 * call has been sent so far.
 */
async function changedMeanwhile(
  deps: DecidedDeps,
  running: Running,
  upstream: RunningUpstream,
): Promise<Ran | undefined> {
  const { target, exchange } = running
  if (!('slug' in target.at) || target.at.tool === null) return undefined
  await upstream.catalog.refresh(listOf(deps, running, upstream.slug))
  if (upstream.catalog.quarantine(target.at.tool) === undefined) return undefined
  const verdict = await decide(deps, running, undefined)
  await verdict.recorded
  return {
    answer: ownAnswer(exchange.client.era, refusal(target.method, verdict)),
    outcome: 'error',
    rows: null,
    redactions: 0,
  }
}

/** What is sent is written anew from what was judged, never the client's bytes. */
async function sentParams(
  deps: DecidedDeps,
  { exchange, target, task, carried }: Running,
  peer: Parameters<Conversations['logAs']>[0],
): Promise<JsonObject> {
  const level = await deps.conversations.logAs(peer, exchange)
  const { requestState: _, inputResponses: given, ...params } = target.params
  // The word on a held call is between the client and us.
  const inputResponses = withoutApproval(given)
  const meta = { ...metaOf(params), ...level, ...ownTrace() }
  return {
    ...params,
    ...(task === undefined ? {} : { taskId: task.task }),
    ...(inputResponses === undefined || peer.era === 'legacy' ? {} : { inputResponses }),
    ...(carried.upstream === undefined ? {} : { requestState: carried.upstream }),
    ...(Object.keys(meta).length === 0 ? {} : { _meta: meta }),
  }
}

function responsesIn({ request }: Exchange): JsonObject {
  const { inputResponses } = request.params
  return isObject(inputResponses) ? inputResponses : {}
}

/** A client of the modern era gets logs only where its request asks for them, and changes only where it listens for them. */
function tellInEra(exchange: Exchange, message: Message): void {
  const { client, request } = exchange
  const asked = metaOf(request.params)[META.logLevel] !== undefined
  const isUnwanted = isChange(message) || (message.method === 'notifications/message' && !asked)
  if (client.era === 'modern' && isUnwanted) return
  exchange.notify(message)
}

function answerOf(step: Step): RpcAnswer {
  return 'answer' in step ? step.answer : { result: inputRequired(step.asks) }
}

function inputRequired(inputRequests: JsonObject): JsonObject {
  return { resultType: 'input_required', inputRequests }
}

const STATE_LIFETIME_MS = 10 * 60_000

/** Makes what the client is to carry ours: states and task ids, after redaction, which must not touch them. */
async function carrying(
  deps: DecidedDeps,
  running: Running,
  step: Step,
  answer: RpcAnswer,
  owed: { slug: string; redact: TaskTerms['redact']; max_bytes?: number | undefined },
): Promise<RpcAnswer> {
  if ('error' in answer) return answer
  const { exchange, target, task, carried } = running
  const { client } = exchange
  const { result } = answer
  if (result['resultType'] === 'input_required') {
    const upstream =
      'answer' in step && 'result' in step.answer ? step.answer.result['requestState'] : undefined
    const state: Carried = {
      ...(typeof upstream === 'string' ? { upstream } : {}),
      ...('open' in step ? { open: step.open } : {}),
      ...(carried.approval === undefined
        ? {}
        : {
            approval: carried.approval,
            approvalUntilMs: carried.approvalUntilMs ?? Date.now() + STATE_LIFETIME_MS,
          }),
    }
    if (Object.keys(state).length === 0) return answer
    const requestState = await deps.states.seal(state, boundTo(exchange, target), STATE_LIFETIME_MS)
    return { result: { ...result, requestState } }
  }
  if (task !== undefined) {
    return { result: renamedTask(result, task.task, textOf(exchange.request.params['taskId'])) }
  }
  const { slug, redact, max_bytes } = owed
  const terms = { slug, tool: target.tool, redact, ...(max_bytes === undefined ? {} : { max_bytes }) }
  // The upstream's own id: a redaction may have hit it in what is shown.
  const raw = 'answer' in step && 'result' in step.answer ? step.answer.result : result
  const sealed = await withSealedTask(deps.states, client, { shown: result, raw }, terms)
  const [made, known] = [madeTask(raw), madeTask(sealed)]
  if (made !== undefined && known !== undefined)
    deps.conversations.tasks.learn(client.session, slug, made, known)
  return { result: sealed }
}

async function carriedBy(
  deps: DecidedDeps,
  { exchange, target }: Request,
): Promise<Carried | { problem: string }> {
  const { requestState } = exchange.request.params
  if (requestState === undefined || exchange.client.era === 'legacy') return {}
  if (typeof requestState !== 'string') return { problem: 'The requestState must be a string.' }
  const opened = await deps.states.open(requestState, boundTo(exchange, target))
  if ('problem' in opened) return opened
  const carried = opened.content as Carried
  if ((carried.approvalUntilMs ?? Infinity) < Date.now())
    return { problem: 'The approval of the call is over: make it anew.' }
  // An approval is for one call, and so is the word on it: the same retry twice would be two.
  const isForOne = carried.approval !== undefined || carried.asked !== undefined
  if (isForOne && !(await deps.once(`state:${opened.id}`, STATE_LIFETIME_MS)))
    return { problem: 'The state was used already: make the call anew.' }
  return carried
}

function boundTo({ client }: Exchange, { method, tool, arguments: args }: Target): Bound {
  const { subject, project_id } = client.credential
  return { subject, projectId: project_id, call: { method, tool, arguments: args } }
}
