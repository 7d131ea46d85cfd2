// Instances of one service speak with each other: one is asked by its id, or all of them are told.
import { headers, RequestError, TimeoutError, type Msg, type NatsConnection } from 'nats'
import type { z } from 'zod'
import { AppError, ERRORS, type ErrorBody } from '@mcpshield/contracts/errors'
import type { gatewayPeers } from '@mcpshield/contracts/mcp-gateway'
import { fieldErrors } from './field-errors.ts'
import type { Log } from './log.ts'
import { asAppError } from './rpc.ts'

type Asks = (typeof gatewayPeers)['ask']
type Tells = (typeof gatewayPeers)['tell']

/** What an instance answers and takes in; others may answer the rest. */
export type PeerHandlers = {
  ask?: { [K in keyof Asks]?: (input: z.output<Asks[K]['input']>) => Promise<z.input<Asks[K]['output']>> }
  tell?: { [K in keyof Tells]?: (payload: z.output<Tells[K]>) => void }
}

export type Peers = {
  /** The instance that speaks. */
  readonly instance: string
  /** An AppError when the instance is not there (UNAVAILABLE), is late, or refuses. */
  ask<K extends keyof Asks>(
    instance: string,
    name: K,
    input: z.input<Asks[K]['input']>,
    timeoutMs: number,
  ): Promise<z.output<Asks[K]['output']>>
  /** To every other instance; lost by one that is not there. Throws when it is larger than a message may be. */
  tell<K extends keyof Tells>(name: K, payload: z.input<Tells[K]>): void
  /** Resolves once the others can reach what is served. */
  serve(handlers: PeerHandlers): Promise<void>
}

type PeerDefs = { ask: Asks; tell: Tells }

/** A name that is one token of a subject, and not the one that means all of them. */
const INSTANCE = /^(?!all$)[a-z0-9]{1,32}$/
const FROM = 'Peer-From'

/** How the instances of a service reach each other. */
export function peersOf(
  connection: NatsConnection,
  service: string,
  defs: PeerDefs,
  log: Log,
): (instance: string) => Peers {
  return (instance) => {
    if (!INSTANCE.test(instance)) throw new Error(`${instance} cannot be the name of an instance`)
    const subject = (to: string, name: string) => `peer.${service}.${to}.${name}`
    const serving = { connection, instance, log }
    return {
      instance,
      async ask(to, name, input, timeoutMs) {
        if (!INSTANCE.test(to)) throw notThere(to)
        const answer = await request(connection, subject(to, name), JSON.stringify(input), { to, timeoutMs })
        if ('error' in answer) throw errorFrom(answer.error)
        return defs.ask[name].output.parse(answer.output) as z.output<Asks[typeof name]['output']>
      },
      tell(name, payload) {
        const from = headers()
        from.set(FROM, instance)
        connection.publish(subject('all', name), JSON.stringify(payload), { headers: from })
      },
      async serve({ ask = {}, tell = {} }) {
        for (const [name, handler] of Object.entries(ask))
          serveAsk(serving, subject(instance, name), defs.ask[name as keyof Asks].input, handler as Answer)
        for (const [name, handler] of Object.entries(tell))
          serveTell(serving, subject('all', name), defs.tell[name as keyof Tells], handler as Take)
        await connection.flush()
      },
    }
  }
}

type Answered = { output: unknown } | { error: ErrorBody }
type Answer = (input: unknown) => Promise<unknown>
type Take = (payload: unknown) => void
type Serving = { connection: NatsConnection; instance: string; log: Log }

async function request(
  connection: NatsConnection,
  subject: string,
  json: string,
  { to, timeoutMs }: { to: string; timeoutMs: number },
): Promise<Answered> {
  try {
    const message = await connection.request(subject, json, { timeout: timeoutMs })
    return message.json<Answered>()
  } catch (cause) {
    if (cause instanceof RequestError && cause.isNoResponders()) throw notThere(to, cause)
    if (cause instanceof TimeoutError)
      throw new AppError('DEADLINE_EXCEEDED', `Another instance did not answer in ${timeoutMs} ms.`, {
        cause,
      })
    throw new AppError('UNAVAILABLE', 'The message bus is not reachable.', { cause })
  }
}

function notThere(instance: string, cause?: unknown): AppError {
  return new AppError('UNAVAILABLE', `There is no instance ${instance} any more.`, { cause })
}

function errorFrom({ code, message, ...details }: ErrorBody): AppError {
  return new AppError(code in ERRORS ? code : 'INTERNAL', message, details)
}

function serveAsk({ connection, log }: Serving, subject: string, input: z.ZodType, handler: Answer): void {
  connection.subscribe(subject, {
    callback(failed, message) {
      if (failed !== null) return log.error({ subject, error: failed.message }, 'subscription')
      void answer(input, handler, message, log).then((answered) => respond(message, answered, log))
    },
  })
}

async function answer(input: z.ZodType, handler: Answer, message: Msg, log: Log): Promise<Answered> {
  try {
    return { output: await handler(parse(input, message)) }
  } catch (thrown) {
    const error = asAppError(thrown)
    if (ERRORS[error.code].level !== 'info')
      log.warn({ subject: message.subject, err: error.cause ?? error }, 'peer')
    return { error: { code: error.code, message: error.message, ...error.details } }
  }
}

function parse(schema: z.ZodType, message: Msg): unknown {
  const parsed = schema.safeParse(message.json())
  if (parsed.success) return parsed.data
  throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors: fieldErrors(parsed.error) })
}

function respond(message: Msg, answered: Answered, log: Log): void {
  try {
    message.respond(JSON.stringify(answered))
  } catch (error) {
    // Larger than a message may be, or the connection is gone: then nobody waits for it.
    log.error({ err: error, subject: message.subject }, 'peer: answer not sent')
    if (message.reply === undefined || 'error' in answered) return
    message.respond(
      JSON.stringify({
        error: { code: 'INTERNAL', message: 'The answer is too large.' } satisfies ErrorBody,
      }),
    )
  }
}

function serveTell({ connection, instance, log }: Serving, subject: string, payload: z.ZodType, take: Take) {
  connection.subscribe(subject, {
    callback(failed, message) {
      if (failed !== null) return log.error({ subject, error: failed.message }, 'subscription')
      if (message.headers?.get(FROM) === instance) return
      try {
        take(parse(payload, message))
      } catch (error) {
        log.error({ err: error, subject }, 'peer')
      }
    },
  })
}
