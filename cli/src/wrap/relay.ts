// Between a client and a server: every message is read, and what goes on is written anew. Requests get ids of our
// own, so that an answer can only ever be the answer of a call that was let through.
import type { Facts, JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import type { KeyedHash } from '@mcpshield/redact/marker'
import { redactValue } from '@mcpshield/redact/redact-value'
import { isObject } from '../json-lines.ts'
import type { Line } from '../lines.ts'
import { refusalError, refusalResult } from './answers.ts'
import type { Judge } from './judge.ts'
import { judged, passed, type Judged } from './judged.ts'
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  isId,
  messageLine,
  readClientMessage,
  readServerMessage,
  type ClientMessage,
  type RequestId,
} from './messages.ts'
import { failed, owedAnswer, passedAnswer, type Answer } from './results.ts'

export type RelayDeps = {
  /** The server's name in the policy. */
  name: string
  judge: Judge
  /** What is looked for in what belongs to no decided call: logs, progress, questions, instructions, descriptions. */
  standing: Obligations['redact']
  keyedHash: KeyedHash
  toClient(line: string): Promise<void>
  toServer(line: string): Promise<void>
  /** Something odd, for people. */
  tell(message: string): void
}

export type Relay = {
  fromClient(line: Line): Promise<void>
  fromServer(line: Line): Promise<void>
  /** Calls that wait for the server. */
  waiting(): number
  /** Answers all of them: the server is gone. */
  serverEnded(): Promise<void>
}

type Waiting = {
  id: RequestId
  method: string
  /** Of a call that was decided. */
  obligations?: Obligations
  accesses?: Facts['accesses']
  timer?: NodeJS.Timeout
}

type Request = Extract<ClientMessage, { kind: 'request' }>

/** What a client or a server can make us remember at a time. */
const MAX_WAITING = 10_000

export function openRelay(deps: RelayDeps): Relay {
  const { judge, toClient, toServer } = deps
  const waiting = new Map<number, Waiting>()
  /** Ids of the server's own requests, which the client has yet to answer. */
  const asked = new Set<string>()
  let nextId = 1
  let agent: string | null = null
  let wasOdd = false

  const answer = (id: RequestId | null, content: Answer | { error: object }) =>
    toClient(messageLine({ id, ...content }))
  const canonical = (target: string) => `${deps.name}/${target}`

  async function clientRequest(request: Request): Promise<void> {
    const { id, method, params } = request
    if (waiting.size >= MAX_WAITING)
      return answer(id, { error: { code: INVALID_REQUEST, message: 'Too many calls wait for an answer.' } })
    const known = method.startsWith('notifications/') ? undefined : passed(method, params)
    if (known !== undefined) {
      if (method === 'initialize') agent = clientName(params) ?? agent
      return forward({ id, method }, known)
    }
    const request_ = judged(method, params)
    if (request_ === undefined)
      return answer(id, {
        error: { code: METHOD_NOT_FOUND, message: 'This method is not known here, and cannot be judged.' },
      })
    if (typeof request_ === 'string')
      return answer(id, { error: { code: INVALID_PARAMS, message: request_ } })
    return decidedRequest(request, request_)
  }

  async function decidedRequest({ id, method }: Request, request: Judged): Promise<void> {
    const call = { method, tool: canonical(request.target), arguments: request.arguments }
    const verdict = judge.judge(call, agent)
    if (verdict.decision.decision === 'allow')
      return forward(
        { id, method, obligations: verdict.decision.obligations, accesses: verdict.accesses },
        request.params,
      )
    return answer(
      id,
      method === 'tools/call' ? { result: refusalResult(verdict) } : { error: refusalError(verdict) },
    )
  }

  function forward(call: Waiting, params: JsonObject): Promise<void> {
    const serverId = nextId++
    waiting.set(serverId, call)
    const timeoutMs = call.obligations?.timeout_ms
    if (timeoutMs !== undefined)
      call.timer = setTimeout(() => void late(serverId, call, timeoutMs), timeoutMs)
    return toServer(messageLine({ id: serverId, method: call.method, params }))
  }

  async function late(serverId: number, call: Waiting, timeoutMs: number): Promise<void> {
    if (!waiting.delete(serverId)) return
    await answer(
      call.id,
      failed(call.method, INTERNAL_ERROR, `The server did not answer within ${timeoutMs} ms.`),
    )
    await toServer(cancelled(serverId, 'timeout'))
  }

  /** A notification is never answered, so one that is really a request must not go on. */
  async function clientNotification(method: string, params: JsonObject | undefined): Promise<void> {
    if (!method.startsWith('notifications/')) return odd('a request without an id')
    if (method !== 'notifications/cancelled') {
      const known = passed(method, params ?? {})
      if (known === undefined) return odd('a notification that is not known')
      return toServer(messageLine({ method, ...given(params === undefined ? undefined : known) }))
    }
    for (const [serverId, call] of waiting) {
      if (call.id !== params?.['requestId']) continue
      settle(serverId)
      const { reason } = params
      await toServer(cancelled(serverId, typeof reason === 'string' ? reason : undefined))
    }
  }

  async function clientResponse(id: RequestId, content: Answer): Promise<void> {
    // Only what was asked is answered.
    if (asked.delete(JSON.stringify(id))) await toServer(messageLine({ id, ...content }))
  }

  function settle(serverId: number): Waiting | undefined {
    const call = waiting.get(serverId)
    waiting.delete(serverId)
    clearTimeout(call?.timer)
    return call
  }

  async function serverResponse(message: JsonObject): Promise<void> {
    const call = typeof message['id'] === 'number' ? settle(message['id']) : undefined
    if (call === undefined) return
    const { id, method, obligations, accesses = [] } = call
    const couldShow = (of: string, name: string) => judge.couldShow(of, canonical(name), agent)
    return answer(
      id,
      inspected(method, () =>
        obligations === undefined
          ? passedAnswer(method, message, { couldShow, redact: standing })
          : owedAnswer(method, message, obligations, deps.keyedHash, accesses),
      ),
    )
  }

  function standing(value: JsonValue): JsonValue {
    return redactValue(value, deps.standing, { keyedHash: deps.keyedHash }).value as JsonValue
  }

  /** What cannot be redacted must not pass. */
  function inspected(method: string, inspect: () => Answer): Answer {
    try {
      return inspect()
    } catch (error) {
      deps.tell(`a result was withheld: ${(error as Error).message}`)
      return failed(method, INTERNAL_ERROR, 'The result was withheld: it could not be inspected.')
    }
  }

  async function serverMessage(message: JsonObject): Promise<void> {
    const { id, method, params } = message
    const isRequest = Object.hasOwn(message, 'id')
    if (isRequest && (!isId(id) || asked.size >= MAX_WAITING)) return odd('a request that cannot be answered')
    if (isRequest) asked.add(JSON.stringify(id))
    const shown = params === undefined ? undefined : standing(params)
    await toClient(messageLine({ ...(isRequest ? { id } : {}), method, ...given(shown) }))
  }

  /** Once: a server that writes much of it must not fill the terminal. */
  function odd(what: string): void {
    if (!wasOdd) deps.tell(`${what} was not passed on`)
    wasOdd = true
  }

  return {
    async fromClient(line) {
      const message = readClientMessage(line)
      switch (message.kind) {
        case 'request':
          try {
            return await clientRequest(message)
          } catch (error) {
            // What fails while a call is judged must not let it through, nor end the others.
            deps.tell(`a call could not be judged: ${(error as Error).message}`)
            const failure = { code: INTERNAL_ERROR, message: 'The call could not be judged.' }
            return answer(message.id, { error: failure })
          }
        case 'notification':
          return clientNotification(message.method, message.params)
        case 'response':
          return clientResponse(message.id, message.answer)
        case 'invalid':
          return answer(message.id, { error: message.error })
        case 'nothing':
      }
    },
    async fromServer(line) {
      const message = 'tooLong' in line ? undefined : readServerMessage(line.bytes)
      if (message === undefined) return odd('a line of the server’s that is no message')
      if (typeof message['method'] === 'string') return serverMessage(message)
      return serverResponse(message)
    },
    waiting: () => waiting.size,
    async serverEnded() {
      for (const serverId of [...waiting.keys()]) {
        const call = settle(serverId) as Waiting
        await answer(call.id, failed(call.method, INTERNAL_ERROR, 'The server ended before it answered.'))
      }
    },
  }
}

function cancelled(requestId: number, reason: string | undefined): string {
  return messageLine({
    method: 'notifications/cancelled',
    params: { requestId, ...(reason === undefined ? {} : { reason }) },
  })
}

function given(params: JsonValue | undefined): { params?: JsonValue } {
  return params === undefined ? {} : { params }
}

/** The name that the client gives itself: a claim, and taken as one. */
function clientName({ clientInfo }: JsonObject): string | null {
  const name = isObject(clientInfo) ? clientInfo['name'] : undefined
  return typeof name === 'string' ? name : null
}
