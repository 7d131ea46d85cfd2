// One tool call: decide, record, run, redact, record what came of it. Nothing reaches an upstream before
// the decision, and nothing is released before its record is stored.
import { hash } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import { factsKnown, type DecisionPoint, type Verdict } from '@mcpshield/pdp/decide-call'
import type { CallOutcome } from '@mcpshield/pdp/record'
import type { Credential } from '@mcpshield/pdp/snapshots'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import type { Answer, Grant } from './connectors/connector.ts'
import { checkedArgs, isConnectorToolName, type ConnectorToolName } from './connectors/tools.ts'
import { failureResult, refusalResult } from './enforce.ts'
import { INVALID_PARAMS, isObject, writeAnswer, type RpcAnswer, type WrittenAnswer } from './json-rpc.ts'
import { redactAnswer, redactConnectorAnswer } from './redaction.ts'
import type { KeyedHash } from '@mcpshield/redact/marker'
import type { ProjectRuntime } from './runtimes.ts'

export type ToolCall = {
  credential: Credential
  /** Canonical name. */
  tool: string
  /** Params as the client sent them, `name` and `arguments` included. */
  params: JsonObject
  agent: string | null
  requestId: string
  /** Aborted when the client goes away. */
  signal: AbortSignal
}

export type ToolCallDeps = {
  pdp: DecisionPoint
  runtimeOf(projectId: string): Promise<ProjectRuntime>
  upstreamTimeoutMs: number
  /** For redactions that replace by a hash. */
  keyedHash: KeyedHash
  log: Log
}

const DEFAULT_MAX_ROWS = 1_000
const DEFAULT_MAX_BYTES = 1024 * 1024
const DEFAULT_STATEMENT_TIMEOUT_MS = 30_000

/** What running a call gave, redacted. */
type Ran = {
  answer: RpcAnswer
  outcome: CallOutcome['outcome']
  rows: number | null
  redactions: number
  /** Of an upstream's result as a whole; connectors cut their rows themselves. */
  maxBytes?: number | undefined
}

export async function serveToolCall(deps: ToolCallDeps, call: ToolCall): Promise<WrittenAnswer> {
  const args = call.params.arguments ?? {}
  if (!isObject(args)) {
    return writeAnswer({ error: { code: INVALID_PARAMS, message: 'The arguments must be an object.' } })
  }
  const verdict = await deps.pdp.decideCall({
    credential: call.credential,
    method: 'tools/call',
    tool: call.tool,
    arguments: args,
    agent: call.agent,
    requestId: call.requestId,
  })
  if (!verdict.forward) return (await stored(verdict)) ?? writeAnswer({ result: refusalResult(verdict) })
  if (!verdict.readOnly) {
    // A call that may change something waits for its record; a read runs beside it.
    const failed = await stored(verdict)
    if (failed !== undefined) return failed
  }
  const startedMs = performance.now()
  const [done, failed] = await Promise.all([runCall(deps, call, args, verdict), stored(verdict)])
  const { written, ...outcome } = done
  void verdict.finish({
    ...outcome,
    durationMs: performance.now() - startedMs,
    resultDigest: hash('sha256', written.json),
  })
  return failed ?? written
}

/** Waits for the record; when it cannot be stored the client learns that, and nothing else. */
async function stored(verdict: Verdict): Promise<WrittenAnswer | undefined> {
  try {
    await verdict.recorded
    return undefined
  } catch {
    const message =
      'Denied: the audit log did not acknowledge the record of this call; try again in a moment.'
    return writeAnswer({ result: failureResult(message) })
  }
}

/** A run whose answer is text, ready to be sent. */
type Done = { written: WrittenAnswer; bytes: number } & Omit<Ran, 'answer' | 'maxBytes'>

async function runCall(
  deps: ToolCallDeps,
  call: ToolCall,
  args: JsonObject,
  verdict: Verdict,
): Promise<Done> {
  try {
    const runtime = await deps.runtimeOf(call.credential.project_id)
    const ran = isConnectorToolName(call.tool)
      ? await runConnector(deps, runtime, call.tool, call, args, verdict)
      : await runUpstream(deps, runtime, call, args, verdict)
    return writeRan(ran)
  } catch (error) {
    return writeRan(failed(deps, error, call, verdict))
  }
}

/** Writes the answer. One over its limit of bytes is withheld: half a message would be no message. */
function writeRan({ answer, maxBytes = Number.POSITIVE_INFINITY, ...rest }: Ran): Done {
  const written = writeBounded(answer)
  const bytes = Buffer.byteLength(written.json)
  if (bytes <= maxBytes) return { ...rest, written, bytes }
  const message = `The result was withheld: it has ${bytes} bytes, and the policy lets ${maxBytes} through.`
  return { ...rest, outcome: 'cut', written: writeAnswer({ result: failureResult(message) }), bytes }
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
function failed(deps: ToolCallDeps, error: unknown, call: ToolCall, verdict: Verdict): Ran {
  const known = error instanceof AppError
  if (!known || error.code === 'UNAVAILABLE') {
    deps.log.warn({ err: error, tool: call.tool, requestId: call.requestId }, 'call failed')
  }
  const message = known ? error.message : `Something went wrong on our side. Request ${call.requestId}.`
  // Fields are rows' matter: a rule about them would withhold every sentence.
  const detectors = verdict.owes.redact.filter((each) => !('fields' in each))
  const redacted = redactAnswer({ result: failureResult(message) }, detectors, deps.keyedHash, [])
  return { answer: redacted.answer, outcome: outcomeOf(error, call), rows: null, redactions: redacted.count }
}

function outcomeOf(error: unknown, call: ToolCall): Ran['outcome'] {
  if (call.signal.aborted) return 'cancelled'
  return error instanceof AppError && error.code === 'DEADLINE_EXCEEDED' ? 'timeout' : 'error'
}

async function runUpstream(
  deps: ToolCallDeps,
  runtime: ProjectRuntime,
  call: ToolCall,
  args: JsonObject,
  verdict: Verdict,
): Promise<Ran> {
  const slash = call.tool.indexOf('/')
  const upstream = slash < 0 ? undefined : runtime.upstream(call.tool.slice(0, slash))
  if (upstream === undefined) {
    const answer = { error: { code: INVALID_PARAMS, message: `There is no tool ${call.tool}.` } }
    return { answer, outcome: 'error', rows: null, redactions: 0 }
  }
  const obligations = verdict.owes
  // What is sent is written anew from what was judged, never the client's bytes.
  const params = { ...call.params, name: call.tool.slice(slash + 1), arguments: args }
  const answer = await upstream.send('tools/call', params, {
    timeoutMs: obligations.timeout_ms ?? deps.upstreamTimeoutMs,
    signal: call.signal,
  })
  const accesses = verdict.facts?.accesses ?? []
  const redacted = redactAnswer(answer, obligations.redact, deps.keyedHash, accesses)
  const isError = 'error' in answer || answer.result.isError === true
  return {
    answer: redacted.answer,
    outcome: isError ? 'error' : 'ok',
    rows: null,
    redactions: redacted.count,
    maxBytes: obligations.max_bytes,
  }
}

async function runConnector(
  deps: ToolCallDeps,
  runtime: ProjectRuntime,
  tool: ConnectorToolName,
  call: ToolCall,
  args: JsonObject,
  verdict: Verdict,
): Promise<Ran> {
  const { facts, owes: obligations } = verdict
  if (facts === null || !factsKnown(facts)) {
    throw new AppError('PERMISSION_DENIED', 'Not run: what this call touches could not be told.')
  }
  const given = checkedArgs(tool, args)
  const grant: Grant = {
    accesses: facts.accesses,
    paths: facts.paths,
    urls: facts.urls,
    readOnly: verdict.readOnly,
    maxRows: obligations.max_rows ?? DEFAULT_MAX_ROWS,
    maxBytes: obligations.max_bytes ?? DEFAULT_MAX_BYTES,
    timeoutMs: obligations.timeout_ms ?? DEFAULT_STATEMENT_TIMEOUT_MS,
    signal: call.signal,
    needsSources: obligations.redact.some((each) => 'fields' in each),
    redacts: obligations.redact.length > 0,
    // A condition on the argument is about what is touched, whoever named it.
    alsoAllows: (touched) =>
      verdict.alsoAllows({ ...touched, arguments: { ...args, ...argumentOf(touched) } }),
    namesHost: (url) => verdict.namesHost(url),
  }
  const answer = await runtime.connectors.choose(tool, args).run(tool, given, grant)
  const redacted = redactConnectorAnswer(answer, obligations.redact, deps.keyedHash)
  return {
    answer: { result: connectorResult(redacted.answer) },
    outcome: answer.cut ? 'cut' : 'ok',
    rows: answer.rows,
    redactions: redacted.count,
  }
}

/** The argument by which a call would have named this itself. */
function argumentOf(touched: Parameters<Grant['alsoAllows']>[0]): JsonObject {
  if ('paths' in touched) return { path: touched.paths[0] ?? '' }
  return { url: touched.urls[0]?.href ?? '' }
}

const CUT_NOTE = 'There is more; a limit cut the result here.'

function connectorResult({ data, about, shown, cut }: Answer): JsonObject {
  const content = { ...about, ...data, ...(cut ? { cut: true, note: CUT_NOTE } : {}) }
  const text = shown === undefined ? undefined : data[shown]
  const texts = typeof text === 'string' ? [text, ...(cut ? [CUT_NOTE] : [])] : [JSON.stringify(content)]
  return {
    content: texts.map((each) => ({ type: 'text', text: each })),
    structuredContent: content,
    isError: false,
  }
}
