// `subscriptions/listen`: each resource is decided, and those that are denied are left out of what is asked for. On the
// one channel that all messages share, a notification is told apart by the request that it belongs to.
import { judged } from '@mcpshield/mcp/judged'
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  isObject,
  META,
  metaOf,
  type Message,
  type RequestId,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import type { JsonValue } from '@mcpshield/policy/facts'
import type { Judge } from './judge.ts'
import type { OpenRequest } from './open-requests.ts'
import type { ServerLink } from './server-link.ts'
import { answerIn } from './stdio-messages.ts'

export type Subscriptions = {
  /** Answers when the stream is over; undefined when one of both sides has ended it without an answer. */
  listen(open: OpenRequest): Promise<RpcAnswer | undefined>
  /** A notification of the stream that the server knows by that id, under the client's own; undefined where there is none. */
  renamed(message: Message, serverId: unknown): Message | undefined
  /** The server has ended a stream: its id at the client. */
  endedByServer(serverId: unknown): RequestId | undefined
}

type SubscriptionDeps = {
  name: string
  judge: Judge
  link: ServerLink
  /** What belongs to no decided call, redacted. */
  standing(answer: RpcAnswer): RpcAnswer
}

/** The parts of a filter that are about lists: that one changed tells nothing that the list would not. */
const LIST_CHANGES = ['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'] as const
const MAX_URIS = 1_000

export function subscriptions({ name, judge, link, standing }: SubscriptionDeps): Subscriptions {
  const streams = new Map<unknown, { clientId: RequestId; end(): void }>()

  /** Without what is denied; undefined for what is no list of URIs. */
  async function allowed(uris: JsonValue, agent: string | null): Promise<string[] | undefined> {
    if (!Array.isArray(uris) || uris.length > MAX_URIS) return undefined
    const kept: string[] = []
    for (const uri of uris) {
      if (typeof uri !== 'string') return undefined
      const read = judged('resources/subscribe', { uri })
      if (typeof read === 'string') continue
      const call = { method: read.method, tool: `${name}/${read.target}`, arguments: read.arguments, agent }
      const verdict = await judge.judge(call)
      if (verdict.decision.decision !== 'allow') continue
      judge.finish(verdict, 'ok')
      kept.push(uri)
    }
    return kept
  }

  return {
    async listen({ request, client, signal, waits, over }) {
      const { notifications: filter, _meta = {} } = request.params
      if (!isObject(filter)) return failed(INVALID_PARAMS, 'The filter (notifications) must be an object.')
      const uris = await allowed(filter['resourceSubscriptions'] ?? [], client.agent)
      if (uris === undefined)
        return failed(INVALID_PARAMS, `resourceSubscriptions must be a list of at most ${MAX_URIS} URIs.`)
      const lists = Object.fromEntries(
        LIST_CHANGES.filter((each) => filter[each] === true).map((each) => [each, true]),
      )
      const notifications = { ...lists, ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }) }
      const ended = new AbortController()
      let streamId: number | undefined
      try {
        const answered = await link.ask(
          { method: 'subscriptions/listen', params: { notifications, _meta } },
          {
            signal: AbortSignal.any([signal, ended.signal]),
            named(serverId) {
              streamId = serverId
              streams.set(serverId, { clientId: request.id, end: () => ended.abort() })
            },
            sent: waits,
            over,
          },
        )
        if ('message' in answered) return closing(standing(answerIn(answered.message)), request.id)
        if (answered.none === 'taken back') return undefined
        return failed(INTERNAL_ERROR, 'The server ended before the stream did.')
      } finally {
        streams.delete(streamId)
      }
    },
    renamed({ method, params = {} }, serverId) {
      const stream = streams.get(serverId)
      if (stream === undefined) return undefined
      const _meta = { ...metaOf(params), [META.subscriptionId]: stream.clientId }
      return { method, params: { ...params, _meta } }
    },
    endedByServer(serverId) {
      const stream = streams.get(serverId)
      stream?.end()
      return stream?.clientId
    },
  }
}

/** The end of a stream, told under the client's own id. */
function closing(answer: RpcAnswer, id: RequestId): RpcAnswer {
  if ('error' in answer) return answer
  return { result: { ...answer.result, _meta: { ...metaOf(answer.result), [META.subscriptionId]: id } } }
}

function failed(code: number, message: string): RpcAnswer {
  return { error: { code, message } }
}
