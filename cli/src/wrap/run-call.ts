// A call that may run: sent to the server, its answer redacted and bounded, what came of it recorded.
import { DENIED, INTERNAL_ERROR, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import { redactAnswer } from '@mcpshield/mcp/redact-answer'
import { failure, ownAnswer } from '@mcpshield/mcp/refusal'
import type { Obligations } from '@mcpshield/policy/schema'
import type { KeyedHash } from '@mcpshield/redact/marker'
import type { Deciding } from './decided-requests.ts'
import type { Judge, Verdict } from './judge.ts'
import { withTaskIds, type KnownTasks, type TaskTerms } from './known-tasks.ts'
import type { Outcome } from './records.ts'
import type { RetryStates } from './retry-states.ts'
import type { Answered, ServerLink } from './server-link.ts'
import { answerIn } from './stdio-messages.ts'

export type RunDeps = {
  link: ServerLink
  judge: Judge
  states: RetryStates
  tasks: KnownTasks
  keyedHash: KeyedHash
  nowMs(): number
  /** Something odd, for people. */
  tell(message: string): void
}

type Ran = { answer: RpcAnswer | undefined; outcome: Outcome }

/** Runs it; undefined when the client has taken it back. `approval` is what later rounds of the call are let through by. */
export async function runCall(
  deps: RunDeps,
  call: Deciding,
  verdict: Verdict,
  approval: string | undefined,
): Promise<RpcAnswer | undefined> {
  const { open, params } = call
  const { signal, waits, over } = open
  const message: Message = { method: open.request.method, params }
  const owed = owedBy(verdict, call.task)
  const answered = await deps.link.ask(message, { signal, timeoutMs: owed.timeout_ms, sent: waits, over })
  const { answer, outcome } = outcomeOf(deps, call, owed, answered, approval)
  deps.judge.finish(verdict, outcome)
  return answer
}

type Owed = TaskTerms & { timeout_ms?: number | undefined }

/** Of the decision, and for what a task gave, of the call that made it. */
function owedBy({ decision: { obligations }, accesses }: Verdict, task: TaskTerms | undefined): Owed {
  const { redact, max_bytes, timeout_ms } = obligations
  if (task === undefined) return { tool: '', redact, max_bytes, timeout_ms, accesses }
  const bounds = [max_bytes, task.max_bytes].filter((each) => each !== undefined)
  return {
    tool: task.tool,
    redact: [...redact, ...task.redact],
    max_bytes: bounds.length === 0 ? undefined : Math.min(...bounds),
    timeout_ms,
    accesses: task.accesses,
  }
}

function outcomeOf(
  deps: RunDeps,
  call: Deciding,
  owed: Owed,
  answered: Answered,
  approval: string | undefined,
): Ran {
  const failed = (code: number, message: string) =>
    ownAnswer(call.open.client.era, failure(call.method, code, message))
  if ('none' in answered) return unanswered(answered.none, owed.timeout_ms, failed)
  try {
    const given = answerIn(answered.message)
    const answer = shown(deps, call, owed, given, approval)
    const tooLong = excess(answer, owed.max_bytes)
    if (tooLong !== undefined) return { answer: failed(DENIED, tooLong), outcome: 'cut' }
    const isError = 'error' in given || given.result['isError'] === true
    return { answer, outcome: isError ? 'error' : 'ok' }
  } catch (error) {
    // What cannot be redacted must not pass.
    deps.tell(`a result was withheld: ${(error as Error).message}`)
    const message = 'The result was withheld: it could not be inspected.'
    return { answer: failed(INTERNAL_ERROR, message), outcome: 'error' }
  }
}

function unanswered(
  none: Extract<Answered, { none: string }>['none'],
  timeoutMs: number | undefined,
  failed: (code: number, message: string) => RpcAnswer,
): Ran {
  switch (none) {
    case 'taken back':
      return { answer: undefined, outcome: 'cancelled' }
    case 'late':
      return {
        answer: failed(INTERNAL_ERROR, `The server did not answer within ${timeoutMs} ms.`),
        outcome: 'timeout',
      }
    case 'ended':
      return { answer: failed(INTERNAL_ERROR, 'The server ended before it answered.'), outcome: 'error' }
  }
}

/** Redacted; states and ids of tasks, which a client carries back, are left whole or kept here. */
function shown(
  { states, tasks, keyedHash, nowMs }: RunDeps,
  call: Deciding,
  owed: Owed,
  given: RpcAnswer,
  approval: string | undefined,
): RpcAnswer {
  const { answer } = redactAnswer(call.method, given, owed.redact, keyedHash, owed.accesses)
  if ('error' in answer || 'error' in given) return answer
  tasks.learn(given.result, { ...owed, tool: call.task?.tool ?? call.tool })
  const result = withTaskIds(answer.result, given.result)
  if (given.result['resultType'] !== 'input_required') return { result }
  const { requestState: server } = given.result
  const carried = {
    ...(typeof server === 'string' ? { server } : {}),
    ...(approval === undefined ? {} : { approval }),
  }
  const { requestState: _, ...rest } = result
  const isCarried = Object.keys(carried).length > 0
  return { result: isCarried ? { ...rest, requestState: states.keep(carried, call, nowMs()) } : rest }
}

/** Half a message would be no message. */
function excess(answer: RpcAnswer, maxBytes: Obligations['max_bytes']): string | undefined {
  if (maxBytes === undefined) return undefined
  const bytes = Buffer.byteLength(JSON.stringify(answer))
  if (bytes <= maxBytes) return undefined
  return `The result was withheld: it has ${bytes} bytes, and the policy lets ${maxBytes} through.`
}
