// Asks the owners of endpoints: grouped, with a deadline each, errors as what they are.
import { createInbox, type Msg, type NatsConnection } from 'nats'
import type { Caller } from '@mcpshield/contracts/caller'
import type { Input, Output, RpcDef } from '@mcpshield/contracts/define'
import { AppError, ERRORS, type ErrorBody } from '@mcpshield/contracts/errors'
import { inboxPrefix } from './permissions.ts'
import { MAX_GROUP_BYTES, MAX_GROUP_CALLS, type GroupedAnswer } from './rpc-groups.ts'
import { UNOBSERVED, type BusTelemetry } from './telemetry.ts'

export type CallOptions = { caller?: Caller; requestId?: string; timeoutMs?: number }

export type CallRpc = <D extends RpcDef>(def: D, input: Input<D>, options?: CallOptions) => Promise<Output<D>>

type Waiting = {
  id: number
  def: RpcDef
  /** The call as it travels. */
  json: string
  resolve(output: unknown): void
  reject(error: AppError): void
}

const DEFAULT_TIMEOUT_MS = 5_000
const NO_RESPONDERS = 503
/** While a group is on its way and nothing of it is answered, further calls of its endpoint gather for so long. */
const GATHER_MS = 1

/** A function that asks; throws an AppError when the owner refuses, is not there or is late. */
export function rpcClient(
  connection: NatsConnection,
  service: string,
  telemetry: BusTelemetry = UNOBSERVED,
): CallRpc {
  const inbox = createInbox(inboxPrefix(service))
  const queues = new Map<string, Waiting[]>()
  /** By the subject to which a group's answers come: its endpoint, and who of it still waits. */
  const sent = new Map<string, { subject: string; waiting: Map<number, Waiting> }>()
  /** Endpoint → when its last group went out, until the first answer. */
  const unanswered = new Map<string, number>()
  let nextId = 0
  let nextGroup = 0
  let scheduled = false
  let gathering: NodeJS.Timeout | undefined

  connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => (error === null ? take(message) : undefined),
  })

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(flush)
  }

  function flush(): void {
    scheduled = false
    const nowMs = performance.now()
    for (const [subject, queue] of queues) {
      if (nowMs - (unanswered.get(subject) ?? -Infinity) < GATHER_MS) {
        gathering ??= setTimeout(() => {
          gathering = undefined
          schedule()
        }, GATHER_MS)
        continue
      }
      queues.delete(subject)
      unanswered.set(subject, nowMs)
      while (queue.length > 0) send(subject, takeGroup(queue))
    }
  }

  function send(subject: string, group: Waiting[]): void {
    const reply = `${inbox}.${nextGroup++}`
    sent.set(reply, { subject, waiting: new Map(group.map((call) => [call.id, call])) })
    try {
      connection.publish(subject, `[${group.map((call) => call.json).join(',')}]`, { reply })
    } catch (cause) {
      sent.delete(reply)
      const error = new AppError('UNAVAILABLE', 'The message bus is not reachable.', { cause })
      for (const call of group) call.reject(error)
    }
  }

  function take(message: Msg): void {
    const group = sent.get(message.subject)
    if (group === undefined) return
    const { subject, waiting } = group
    unanswered.delete(subject)
    if (queues.has(subject)) schedule()
    if (message.headers?.code === NO_RESPONDERS) {
      sent.delete(message.subject)
      for (const call of waiting.values()) call.reject(notRunning(call.def))
      return
    }
    for (const answer of message.json<GroupedAnswer[]>()) {
      const call = waiting.get(answer.id)
      waiting.delete(answer.id)
      if ('error' in answer) call?.reject(errorFrom(answer.error))
      else call?.resolve(answer.output)
    }
    if (waiting.size === 0) sent.delete(message.subject)
  }

  /** Nobody waits for this call any more, wherever it is. */
  function forget(id: number): void {
    for (const [reply, { waiting }] of sent) {
      if (waiting.delete(id) && waiting.size === 0) sent.delete(reply)
    }
  }

  const ask = async (def: RpcDef, input: unknown, options: CallOptions): Promise<unknown> => {
    const id = nextId++
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const json = JSON.stringify({
      id,
      request_id: options.requestId ?? crypto.randomUUID(),
      traceparent: telemetry.traceparent(),
      caller: options.caller ?? { kind: 'service', name: service },
      input,
    })
    const timeoutMs = options.timeoutMs ?? def.timeoutMs ?? DEFAULT_TIMEOUT_MS
    const timer = setTimeout(() => {
      forget(id)
      reject(late(def, timeoutMs))
    }, timeoutMs)
    const queue = queues.get(def.subject)
    const call = { id, def, json, resolve, reject }
    if (queue === undefined) queues.set(def.subject, [call])
    else queue.push(call)
    schedule()
    try {
      return def.output.parse(await promise)
    } finally {
      clearTimeout(timer)
    }
  }
  const counted = async (def: RpcDef, input: unknown, options: CallOptions): Promise<unknown> => {
    const startedMs = performance.now()
    let code = 'OK'
    try {
      return await ask(def, input, options)
    } catch (error) {
      code = error instanceof AppError ? error.code : 'INTERNAL'
      throw error
    } finally {
      telemetry.asked(def.subject, code, performance.now() - startedMs)
    }
  }
  return (def, input, options = {}) => {
    const run = () => counted(def, input, options) as Promise<Output<typeof def>>
    if (!telemetry.isTracing()) return run()
    const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': def.subject }
    return telemetry.traced({ name: def.subject, kind: 'client', attributes }, run)
  }
}

function takeGroup(queue: Waiting[]): Waiting[] {
  let bytes = 0
  let count = 0
  while (count < queue.length && count < MAX_GROUP_CALLS) {
    bytes += queue[count]?.json.length ?? 0
    if (count > 0 && bytes > MAX_GROUP_BYTES) break
    count++
  }
  return queue.splice(0, count)
}

const serviceOf = (def: RpcDef) => def.subject.split('.')[1] ?? def.subject

function notRunning(def: RpcDef): AppError {
  return new AppError('UNAVAILABLE', `The ${serviceOf(def)} service is not running.`)
}

function late(def: RpcDef, timeoutMs: number): AppError {
  return new AppError('DEADLINE_EXCEEDED', `The ${serviceOf(def)} service did not answer in ${timeoutMs} ms.`)
}

function errorFrom({ code, message, ...details }: ErrorBody): AppError {
  return new AppError(code in ERRORS ? code : 'INTERNAL', message, details)
}
