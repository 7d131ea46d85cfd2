// The event stream that answers one request of the modern era: what it tells belongs to that request alone. A server of
// this era asks nothing by requests of its own, so those are not heard.
import { isId, metaOf, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import type { EventReader } from './events.ts'
import { answerTo, messageOf } from './incoming.ts'
import { PROGRESS, type Tell } from './progress.ts'
import type { RequestOptions } from './upstream.ts'

export type ModernStream = EventReader & { answer: RpcAnswer | undefined }

export function modernStream(
  id: number,
  params: JsonObject,
  { onNotification }: RequestOptions,
  log: Log,
): ModernStream {
  const token = metaOf(params)['progressToken']
  const stream: ModernStream = {
    answer: undefined,
    onMessage(message) {
      if (message['method'] === undefined) stream.answer ??= answerTo(id, message)
      else if (message['id'] === undefined) {
        const told = messageOf(message)
        const own = told?.method === PROGRESS ? ownProgress(told, id, token) : told
        if (own !== undefined) tellSafely(onNotification, own, log)
      }
      return stream.answer !== undefined
    },
  }
  return stream
}

/** Progress of the request, under its client's token. */
function ownProgress({ method, params }: Message, id: number, token: unknown): Message | undefined {
  if (params?.['progressToken'] !== id || !isId(token)) return undefined
  return { method, params: { ...params, progressToken: token } }
}

/** Whoever is told may fail; the reading goes on. */
export function tellSafely(tell: Tell, message: Message, log: Log): void {
  try {
    tell?.(message)
  } catch (error) {
    log.error({ err: error, method: message.method }, 'notification of an upstream was not passed on')
  }
}
