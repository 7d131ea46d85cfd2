// Calls of modern clients that run on legacy servers: the server's call stays open while its questions travel to the
// client as input-required results, and come back with the retry, to whichever instance.
import { randomUUID } from 'node:crypto'
import { AppError } from '@mcpshield/contracts/errors'
import { isObject, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import { canAnswer } from '@mcpshield/mcp/questions'
import type { JsonObject } from '@mcpshield/policy/facts'
import { cannotAnswer, type Crossing } from './bridge.ts'
import { pausableDeadline } from './deadline.ts'

/** What a call gave so far. */
export type Step = { answer: RpcAnswer } | { asks: JsonObject; open: { instance: string; call: string } }

export type OpenCalls = {
  start(crossing: Crossing): Promise<Step>
  /** Goes on with an open call; undefined when there is none of that owner any more. */
  resume(
    open: Opened,
    responses: JsonObject,
    crossing: Pick<Crossing, 'tell' | 'exchange'>,
  ): Promise<Step | undefined>
  /** The same for another instance, which gets what comes next and tells its client. */
  resumeHere(
    call: string,
    owner: string,
    responses: JsonObject,
    signal: AbortSignal,
  ): Promise<Step | undefined>
}

export type Opened = { instance: string; call: string }

type OpenCall = {
  owner: string
  answer(responses: JsonObject): void
  next(signal: AbortSignal): Promise<Step>
  tellOn(tell: Crossing['tell']): void
  /** True while its client has its questions and has not come back. */
  isWaiting(): boolean
  end(): void
}

type OpenCallDeps = {
  instance: string
  /** Asks the instance that has the call; undefined when it is not there or does not know it. */
  elsewhere(open: Opened, owner: string, responses: JsonObject): Promise<Step | undefined>
}

/** How long a client may take to come back with its input. */
const WAITS_MS = 10 * 60_000
/** In all, and of one asker, who may not take the room of the others. */
const MAX_OPEN = 10_000
const MAX_OPEN_OF_ONE = 1_000
/** Questions that a server asks in one breath travel together. */
const GATHER_MS = 20

export function openCalls({ instance, elsewhere }: OpenCallDeps): OpenCalls {
  const open = openByOwner()

  /** What comes next of a call; it is kept only as long as it waits for its client. */
  const step = async (id: string, call: OpenCall, signal: AbortSignal): Promise<Step> => {
    let isWaiting = false
    try {
      const next = await call.next(signal)
      isWaiting = 'asks' in next
      return next
    } finally {
      if (!isWaiting) open.remove(id)
    }
  }
  const resumeHere: OpenCalls['resumeHere'] = async (id, owner, responses, signal) => {
    const call = open.get(id)
    if (call === undefined || call.owner !== owner) return undefined
    call.answer(responses)
    return step(id, call, signal)
  }
  return {
    async start(crossing) {
      const id = randomUUID()
      open.makeRoom(crossing.exchange.client.credential.subject)
      const call = openCall(crossing, { instance, call: id }, () => open.remove(id))
      open.add(id, call)
      return step(id, call, crossing.exchange.signal)
    },
    async resume(opened, responses, { tell, exchange }) {
      const owner = exchange.client.credential.subject
      if (opened.instance !== instance) return elsewhere(opened, owner, responses)
      const call = open.get(opened.call)
      if (call?.owner === owner) call.tellOn(tell)
      return resumeHere(opened.call, owner, responses, exchange.signal)
    },
    resumeHere,
  }
}

/** Calls by id, and counted by owner. */
function openByOwner() {
  const open = new Map<string, OpenCall>()
  const owned = new Map<string, Set<OpenCall>>()
  const most = () => [...owned.values()].reduce((one, other) => (other.size > one.size ? other : one))
  return {
    get: (id: string) => open.get(id),
    add(id: string, call: OpenCall) {
      open.set(id, call)
      owned.set(call.owner, (owned.get(call.owner) ?? new Set()).add(call))
    },
    remove(id: string) {
      const call = open.get(id)
      if (call === undefined) return
      open.delete(id)
      const own = owned.get(call.owner)
      own?.delete(call)
      if (own?.size === 0) owned.delete(call.owner)
    },
    /** For one more call of an owner. Throws an AppError when none of those who must make it can. */
    makeRoom(owner: string) {
      const own = owned.get(owner)
      if (own !== undefined && own.size >= MAX_OPEN_OF_ONE) endOldest(own)
      else if (open.size >= MAX_OPEN) endOldest(most())
    },
  }
}

/** Of those that wait for their client: what the server works on goes on. */
function endOldest(calls: Set<OpenCall>): void {
  for (const call of calls) if (call.isWaiting()) return call.end()
  throw new AppError('RATE_LIMITED', 'There are as many calls under way as there may be: try again later.')
}

type Question = { message: Message; settle(answer: RpcAnswer): void }

function openCall(crossing: Crossing, opened: Opened, onEnd: () => void): OpenCall {
  const { peer, method, params, timeoutMs, exchange } = crossing
  const { client } = exchange
  const gone = new AbortController()
  const deadline = pausableDeadline(timeoutMs, gone.signal)
  const questions = new Map<string, Question>()
  let asked = Promise.withResolvers<void>()
  let tell = crossing.tell
  let nextKey = 1
  let idle: NodeJS.Timeout | undefined
  const stopIdling = () => {
    clearTimeout(idle)
    idle = undefined
  }

  const ask = (message: Message, signal: AbortSignal): Promise<RpcAnswer> => {
    if (!canAnswer(client.capabilities, message)) return Promise.resolve(cannotAnswer(message))
    return deadline.paused(
      () =>
        new Promise<RpcAnswer>((settle) => {
          const key = `question_${nextKey++}`
          questions.set(key, { message, settle })
          signal.addEventListener('abort', () => questions.delete(key), { once: true })
          asked.resolve()
        }),
    )
  }
  const answered = deadline.guard(
    peer.request(method, params, {
      timeoutMs: deadline.maxMs,
      signal: deadline.signal,
      onNotification: (message) => tell(message),
      onRequest: ask,
    }),
  )
  answered.catch(() => undefined).finally(() => deadline[Symbol.dispose]())
  const end = () => {
    stopIdling()
    gone.abort()
    onEnd()
  }
  return {
    owner: client.credential.subject,
    isWaiting: () => idle !== undefined,
    end,
    tellOn: (given) => void (tell = given),
    answer(responses) {
      stopIdling()
      for (const [key, { settle }] of questions) {
        const response = Object.hasOwn(responses, key) ? responses[key] : undefined
        if (!isObject(response)) continue
        questions.delete(key)
        settle({ result: response })
      }
      asked = Promise.withResolvers()
      if (questions.size > 0) asked.resolve()
    },
    async next(signal) {
      // A client that closes its stream takes its request back.
      if (signal.aborted) end()
      signal.addEventListener('abort', end, { once: true })
      try {
        const answer = await Promise.race([answered, asked.promise.then(() => undefined)])
        if (answer !== undefined) return { answer }
        await new Promise((resolve) => setTimeout(resolve, GATHER_MS))
        idle = setTimeout(end, WAITS_MS)
        idle.unref()
        return {
          asks: Object.fromEntries([...questions].map(([key, { message }]) => [key, { ...message }])),
          open: opened,
        }
      } finally {
        signal.removeEventListener('abort', end)
      }
    },
  }
}
