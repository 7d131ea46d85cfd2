// Answering calls over core NATS: validate once, errors as what they are, one log line each.
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import type { Msg, NatsConnection } from 'nats'
import type { Caller } from '@mcpshield/contracts/caller'
import type { Handlers, RpcDef } from '@mcpshield/contracts/define'
import { AppError, ERRORS, type ErrorBody } from '@mcpshield/contracts/errors'
import { requireRight } from '@mcpshield/contracts/rights'
import { fieldErrors } from './field-errors.ts'
import type { Log } from './log.ts'
import { CallGroup, MAX_GROUP_BYTES, type GroupedAnswer, type GroupedCall } from './rpc-groups.ts'
import { UNOBSERVED, type BusTelemetry } from './telemetry.ts'

/** What a handler knows of the request besides its input. */
export type Call = { caller: Caller; requestId: string }

/** Less than a process that was told to stop has for all of it (libs/runtime/src/run.ts). */
const ANSWER_WITHIN_MS = 6_000

/** What a service answers, until it is closed: then it takes no new calls, and nobody who has asked is left without an answer. */
export type Served = { close(withinMs?: number): Promise<void> }

/** Answers a contract's endpoints; every instance of a service shares the work by a queue group. */
export async function serveRpc<D extends Record<string, RpcDef>>(
  connection: NatsConnection,
  name: string,
  rpc: D,
  handlers: Handlers<D, Call>,
  log: Log,
  telemetry: BusTelemetry = UNOBSERVED,
): Promise<Served> {
  const open = openCalls()
  const subscriptions = Object.entries(rpc).map(([key, def]) => {
    const handler = handlers[key]
    if (handler === undefined) throw new Error(`${name} does not handle ${key}`)
    return connection.subscribe(def.subject, {
      queue: name,
      callback: (error, message) => {
        if (error !== null) log.error({ subject: def.subject, error: error.message }, 'subscription')
        else answerGroup({ def, handler: handler as Handler, open, log, telemetry }, message)
      },
    })
  })
  await connection.flush()
  return {
    async close(withinMs = ANSWER_WITHIN_MS) {
      if (connection.isClosed()) return
      const taken = Promise.allSettled(subscriptions.map((each) => each.drain()))
      const answered = taken.then(() => open.answered())
      const deadline = new AbortController()
      await Promise.race([
        answered,
        sleep(withinMs, undefined, { signal: deadline.signal }).catch(() => undefined),
      ])
      deadline.abort()
      const stopped = new AppError('UNAVAILABLE', `The ${name} service was stopped; ask again.`)
      open.refuse(stopped)
      // Answers leave at the end of the turn.
      await immediate()
    },
  }
}

type Handler = (input: unknown, call: Call) => Promise<unknown>
type Serving = { def: RpcDef; handler: Handler; open: OpenCalls; log: Log; telemetry: BusTelemetry }

/** Who waits for an answer of this process. */
type OpenCalls = {
  /** Returns what answers the call: the first answer counts. */
  add(id: number, give: (json: string) => void): (json: string) => void
  /** Resolves when nobody waits. */
  answered(): Promise<void>
  refuse(error: AppError): void
}

function openCalls(): OpenCalls {
  const refusals = new Set<(error: AppError) => void>()
  let allAnswered: () => void = () => undefined
  return {
    add(id, give) {
      const refuse = (error: AppError) => once(JSON.stringify({ id, error: errorBody(error, '') }))
      const once = (json: string) => {
        if (!refusals.delete(refuse)) return
        give(json)
        if (refusals.size === 0) allAnswered()
      }
      refusals.add(refuse)
      return once
    },
    answered: () =>
      refusals.size === 0 ? Promise.resolve() : new Promise((resolve) => (allAnswered = resolve)),
    refuse(error) {
      for (const refuse of [...refusals]) refuse(error)
    },
  }
}

/** Answers each call as soon as it is done, together with those that are done in the same turn. */
function answerGroup(serving: Serving, message: Msg): void {
  const { def, open, log } = serving
  const group = CallGroup.safeParse(jsonOf(message))
  if (!group.success) {
    log.error({ subject: def.subject, issues: group.error.issues.slice(0, 3) }, 'rpc: not understood')
    return
  }
  const ready: Answered[] = []
  const send = () => {
    while (ready.length > 0) respond(message, takeAnswers(ready), log)
  }
  for (const call of group.data) {
    const give = open.add(call.id, (json) => {
      ready.push({ id: call.id, json })
      if (ready.length === 1) setImmediate(send)
    })
    void tracedAnswer(serving, call).then(give)
  }
}

type Answered = { id: number; json: string }

/** From the front, as many as travel well together, one at least. */
function takeAnswers(ready: Answered[]): Answered[] {
  let bytes = 0
  const end = ready.findIndex(({ json }, at) => (bytes += json.length) > MAX_GROUP_BYTES && at > 0)
  return ready.splice(0, end === -1 ? ready.length : end)
}

function respond(message: Msg, answers: Answered[], log: Log): void {
  try {
    message.respond(`[${answers.map(({ json }) => json).join(',')}]`)
  } catch (error) {
    // Larger than a message may be, or the connection is gone: then nobody waits for it.
    log.error({ err: error, subject: message.subject }, 'rpc: answer not sent')
    if (answers.every(({ json }) => json.length < MAX_GROUP_BYTES)) return
    const body: ErrorBody = { code: 'INTERNAL', message: 'The answer is too large.' }
    message.respond(JSON.stringify(answers.map(({ id }) => ({ id, error: body }))))
  }
}

function jsonOf(message: Msg): unknown {
  try {
    return message.json()
  } catch {
    return undefined
  }
}

/** Each call of a group belongs to a trace of its own. */
function tracedAnswer(serving: Serving, call: GroupedCall): Promise<string> {
  const { def, telemetry } = serving
  if (!telemetry.isTracing()) return answer(serving, call)
  const attributes = {
    'messaging.system': 'nats',
    'messaging.destination.name': def.subject,
    'mcpshield.request_id': call.request_id,
  }
  const terms = { name: def.subject, kind: 'server', attributes, parent: call.traceparent } as const
  return telemetry.traced(terms, () => answer(serving, call))
}

/** One answer as it travels; never rejects. */
async function answer(
  { def, handler, log, telemetry }: Serving,
  { id, request_id: requestId, caller, input }: GroupedCall,
): Promise<string> {
  const startedMs = performance.now()
  const line = (code: string) => {
    const ms = performance.now() - startedMs
    telemetry.answered(def.subject, code, ms)
    return { requestId, subject: def.subject, ms: Math.round(ms * 100) / 100, code }
  }
  try {
    if (def.right !== undefined) requireRight(caller, def.right)
    const output = await handler(parseInput(def, input), { caller, requestId })
    const json = JSON.stringify({ id, output } satisfies GroupedAnswer)
    log.info(line('OK'), 'rpc')
    return json
  } catch (thrown) {
    const error = asAppError(thrown)
    const level = ERRORS[error.code].level
    log[level]({ ...line(error.code), ...(level === 'info' ? {} : { err: error.cause ?? error }) }, 'rpc')
    return JSON.stringify({ id, error: errorBody(error, requestId) } satisfies GroupedAnswer)
  }
}

function parseInput(def: RpcDef, input: unknown): unknown {
  const parsed = def.input.safeParse(input)
  if (parsed.success) return parsed.data
  throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors: fieldErrors(parsed.error) })
}

/** Anything that is not an AppError is a bug: answered without its message, logged with its stack. */
export function asAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  return new AppError('INTERNAL', 'Something went wrong on our side.', { cause: thrown })
}

function errorBody(error: AppError, requestId: string): ErrorBody {
  const message = error.code === 'INTERNAL' ? `${error.message} Request ${requestId}.` : error.message
  return { code: error.code, message, ...error.details }
}
