// Request and reply over core NATS: validate once, deadline, errors as ADR-32 headers, one log line.
import { headers as natsHeaders, RequestError, TimeoutError, type Msg, type NatsConnection } from 'nats'
import { Caller } from '@mcpshield/contracts/caller'
import type { Handlers, Input, Output, RpcDef } from '@mcpshield/contracts/define'
import { AppError, ERRORS, type ErrorBody, type ErrorCode } from '@mcpshield/contracts/errors'
import type { z } from 'zod'
import type { Log } from './log.ts'

export type CallOptions = { caller?: Caller; requestId?: string; timeoutMs?: number }

/** What a handler knows of the request besides its input. */
export type Call = { caller: Caller; requestId: string }

const DEFAULT_TIMEOUT_MS = 5_000
const CALLER = 'Caller'
const REQUEST_ID = 'Request-Id'
const ERROR_CODE = 'Nats-Service-Error-Code'
const ERROR_TEXT = 'Nats-Service-Error'

/** Asks the owner of an endpoint. Throws an AppError when it refuses, is not there or is late. */
export async function callRpc<D extends RpcDef>(
  connection: NatsConnection,
  def: D,
  input: Input<D>,
  options: CallOptions = {},
): Promise<Output<D>> {
  const headers = natsHeaders()
  headers.set(REQUEST_ID, options.requestId ?? crypto.randomUUID())
  if (options.caller !== undefined) headers.set(CALLER, JSON.stringify(options.caller))
  const timeout = options.timeoutMs ?? def.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const reply = await request(connection, def.subject, JSON.stringify(input), { headers, timeout })
  if (reply.headers?.has(ERROR_CODE) === true) throw errorFrom(reply)
  return def.output.parse(reply.json()) as Output<D>
}

async function request(
  connection: NatsConnection,
  subject: string,
  payload: string,
  options: { headers: ReturnType<typeof natsHeaders>; timeout: number },
): Promise<Msg> {
  const service = subject.split('.')[1] ?? subject
  try {
    return await connection.request(subject, payload, options)
  } catch (cause) {
    if (cause instanceof RequestError && cause.isNoResponders()) {
      throw new AppError('UNAVAILABLE', `The ${service} service is not running.`, { cause })
    }
    if (cause instanceof TimeoutError || cause instanceof RequestError) {
      throw new AppError(
        'DEADLINE_EXCEEDED',
        `The ${service} service did not answer in ${options.timeout} ms.`,
        { cause },
      )
    }
    throw new AppError('UNAVAILABLE', 'The message bus is not reachable.', { cause })
  }
}

function errorFrom(reply: Msg): AppError {
  const { code, message, ...details } = reply.json<ErrorBody>()
  return new AppError(code in ERRORS ? code : 'INTERNAL', message, details)
}

/** Answers a contract's endpoints; every instance of a service shares the work by a queue group. */
export async function serveRpc<D extends Record<string, RpcDef>>(
  connection: NatsConnection,
  name: string,
  rpc: D,
  handlers: Handlers<D, Call>,
  log: Log,
): Promise<void> {
  for (const [key, def] of Object.entries(rpc)) {
    const handler = handlers[key]
    if (handler === undefined) throw new Error(`${name} does not handle ${key}`)
    connection.subscribe(def.subject, {
      queue: name,
      callback: (error, message) => {
        if (error !== null) log.error({ subject: def.subject, error: error.message }, 'subscription')
        else void answer(def, handler as (input: unknown, call: Call) => Promise<unknown>, message, log)
      },
    })
  }
  await connection.flush()
}

async function answer(
  def: RpcDef,
  handler: (input: unknown, call: Call) => Promise<unknown>,
  message: Msg,
  log: Log,
): Promise<void> {
  const startedMs = performance.now()
  const requestId = message.headers?.get(REQUEST_ID) || crypto.randomUUID()
  const line = (code: string) => ({
    requestId,
    subject: def.subject,
    ms: Math.round((performance.now() - startedMs) * 100) / 100,
    code,
  })
  try {
    const output = await handler(parseInput(def, message), { caller: callerOf(message), requestId })
    message.respond(JSON.stringify(output))
    log.info(line('OK'), 'rpc')
  } catch (thrown) {
    const error = asAppError(thrown)
    respondError(message, error, requestId)
    const level = ERRORS[error.code].level
    log[level]({ ...line(error.code), ...(level === 'info' ? {} : { err: error.cause ?? error }) }, 'rpc')
  }
}

function parseInput(def: RpcDef, message: Msg): unknown {
  const parsed = def.input.safeParse(message.json())
  if (parsed.success) return parsed.data
  throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors: fieldErrors(parsed.error) })
}

/** Zod's issues as [{path, message}]; of unknown fields, one for each. */
export function fieldErrors(error: z.ZodError): { path: string; message: string }[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }]
    return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'There is no such field.' }))
  })
}

function callerOf(message: Msg): Caller {
  const text = message.headers?.get(CALLER)
  return text ? Caller.parse(JSON.parse(text)) : { kind: 'service', name: 'unknown' }
}

/** Anything that is not an AppError is a bug: answered without its message, logged with its stack. */
export function asAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  return new AppError('INTERNAL', 'Something went wrong on our side.', { cause: thrown })
}

function respondError(message: Msg, error: AppError, requestId: string): void {
  const headers = natsHeaders()
  const text = error.code === 'INTERNAL' ? `${error.message} Request ${requestId}.` : error.message
  headers.set(ERROR_CODE, error.code satisfies ErrorCode)
  headers.set(ERROR_TEXT, text.replace(/[\r\n]+/g, ' '))
  const body: ErrorBody = { code: error.code, message: text, ...error.details }
  message.respond(JSON.stringify(body), { headers })
}
