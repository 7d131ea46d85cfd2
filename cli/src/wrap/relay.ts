// Between a client and a server: every message is read, and what goes on is written anew.
import type { Request } from '@mcpshield/mcp/json-rpc'
import {
  INTERNAL_ERROR,
  INVALID_REQUEST,
  isId,
  isObject,
  META,
  metaOf,
  type Message,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import { redactAnswer, redactMessage } from '@mcpshield/mcp/redact-answer'
import type { RefusedBatch } from '@mcpshield/mcp/batches'
import type { ToolCatalog } from '@mcpshield/mcp/tool-catalog'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { KeyedHash } from '@mcpshield/redact/marker'
import type { Line } from '../lines.ts'
import { clientMemory } from './client.ts'
import type { Judge } from './judge.ts'
import { knownTasks } from './known-tasks.ts'
import { MAX_OPEN_REQUESTS, openRequests, type OpenRequest } from './open-requests.ts'
import { passedNotification } from './passed-params.ts'
import { personAtClient } from './person.ts'
import { answerTo, failure, type AnswerDeps } from './request-answers.ts'
import { retryStates } from './retry-states.ts'
import { serverLink } from './server-link.ts'
import { messageLine, readClientMessage, readServerMessage } from './stdio-messages.ts'
import { subscriptions } from './subscriptions.ts'
import { toolWatch } from './tool-watch.ts'

export type RelayDeps = {
  /** The server's name in the policy. */
  name: string
  judge: Judge
  /** Null where nothing is pinned. */
  catalog: ToolCatalog | null
  /** Whether the person at the client is asked. */
  asks: boolean
  keyedHash: KeyedHash
  /** Neither rejects: that one of both sides is gone, its end tells. */
  toClient(line: string): Promise<void>
  toServer(line: string): Promise<void>
  nowMs(): number
  /** Something odd, for people. */
  tell(message: string): void
}

export type Relay = {
  /** Resolves when the next message may be read. */
  fromClient(line: Line): Promise<void>
  fromServer(line: Line): Promise<void>
  /** Requests that have yet to be answered. */
  waiting(): number
  /** The client says no more: nobody can be asked. */
  clientEnded(): void
  /** Answers whoever waits: the server is gone. */
  serverEnded(): Promise<void>
}

export function openRelay(deps: RelayDeps): Relay {
  const { name, judge, keyedHash, toClient, tell } = deps
  const clients = clientMemory()
  const open = openRequests()
  const link = serverLink(deps.toServer)
  const person = personAtClient(toClient)
  const tools = toolWatch({ name, link, catalog: deps.catalog, tell })
  const standing = (answer: RpcAnswer) => redactAnswer('', answer, judge.standing(), keyedHash, []).answer
  const listening = subscriptions({ name, judge, link, standing })
  const answering: AnswerDeps = {
    ...deps,
    link,
    person,
    tools,
    listening,
    states: retryStates(),
    tasks: knownTasks(),
  }
  /** Ids of the server's own questions, which the client has yet to answer. */
  const asked = new Set<string>()
  const told = new Set<string>()

  /** Once: a side that writes much of it must not fill the terminal. */
  function odd(what: string): void {
    if (!told.has(what)) tell(`${what} was not passed on`)
    told.add(what)
  }

  async function serve(request: OpenRequest): Promise<void> {
    let answer: RpcAnswer | undefined
    try {
      answer = open.isFull()
        ? failure(INVALID_REQUEST, 'Too many requests wait for an answer.')
        : await answerTo(answering, request)
    } catch (error) {
      // What fails while a call is judged must not let it through, nor end the others.
      tell(`a request could not be answered: ${(error as Error).message}`)
      answer = failure(INTERNAL_ERROR, 'The request could not be judged.')
    }
    if (answer === undefined || request.signal.aborted) return
    await toClient(messageLine({ id: request.request.id, ...answer }))
  }

  /** A notification is never answered, so one that is really a request must not go on. */
  async function clientNotification(method: string, params: JsonObject): Promise<void> {
    if (!method.startsWith('notifications/')) return odd('a request without an id')
    if (method === 'notifications/cancelled') return open.takeBack(params['requestId'], params['reason'])
    const known = passedNotification(method, params)
    if (known === undefined) return odd('a notification that is not known')
    return link.notify({ method, ...(Object.keys(known).length === 0 ? {} : { params: known }) })
  }

  function request(message: Request): Promise<void> {
    return open.run(message, clients.of(message), serve)
  }

  async function serverNotification(message: Message): Promise<void> {
    const { method, params } = message
    if (method === 'notifications/tools/list_changed') tools.outdated()
    if (method === 'notifications/cancelled') return serverTookBack(params)
    const streamed = metaOf(params)[META.subscriptionId] !== undefined
    const shown = redactMessage(message, judge.standing(), keyedHash)
    // Under the id of the stream as the server wrote it: what is redacted must not tell streams apart.
    const renamed = streamed ? listening.renamed(shown, metaOf(params)[META.subscriptionId]) : shown
    if (renamed === undefined) return odd('a notification of no stream')
    await toClient(messageLine(renamed))
  }

  /** Either a question of its own, or a stream that it ends. */
  async function serverTookBack(params: JsonObject = {}): Promise<void> {
    const { requestId } = params
    const shown = redactMessage({ method: 'notifications/cancelled', params }, judge.standing(), keyedHash)
    if (asked.delete(JSON.stringify(requestId)))
      return toClient(messageLine({ ...shown, params: { ...shown.params, requestId: requestId ?? null } }))
    const clientId = listening.endedByServer(requestId)
    if (clientId !== undefined)
      await toClient(messageLine({ ...shown, params: { ...shown.params, requestId: clientId } }))
  }

  async function serverQuestion(id: unknown, message: Message): Promise<void> {
    if (!isId(id) || asked.size >= MAX_OPEN_REQUESTS) return odd('a request that cannot be answered')
    asked.add(JSON.stringify(id))
    await toClient(messageLine({ id, ...redactMessage(message, judge.standing(), keyedHash) }))
  }

  /** Both those who wait for what is in it learn that it is not taken, and nothing of it goes on. */
  async function serverBatch({ answers, replies }: RefusedBatch): Promise<void> {
    odd('a JSON-RPC batch of the server’s')
    for (const reply of replies) await deps.toServer(messageLine(reply))
    for (const answer of answers) await link.answered({ ...answer, error: { ...answer.error } })
  }

  return {
    async fromClient(line) {
      const message = readClientMessage(line)
      switch (message?.kind) {
        case 'request':
          return request(message.request)
        case 'notification':
          return clientNotification(message.method, message.params)
        case 'response': {
          const { id, answer } = message
          // Only what was asked is answered.
          if (!person.answered(id, answer) && asked.delete(JSON.stringify(id)))
            await deps.toServer(messageLine({ id, ...answer }))
          return
        }
        case 'invalid':
          return toClient(messageLine({ id: message.id, error: message.error }))
      }
    },
    async fromServer(line) {
      const read = 'tooLong' in line ? undefined : readServerMessage(line.bytes)
      if (read === undefined) return odd('a line of the server’s that is no message')
      if ('batch' in read) return serverBatch(read.batch)
      const { message } = read
      const { method, params } = message
      if (typeof method !== 'string') return link.answered(message)
      const said: Message = { method, ...(isObject(params) ? { params } : {}) }
      return Object.hasOwn(message, 'id') ? serverQuestion(message['id'], said) : serverNotification(said)
    },
    waiting: () => open.count(),
    clientEnded: () => person.left(),
    serverEnded: () => link.ended(),
  }
}
