// What a server of the legacy era says beside its answers, and whom it is for.
import type { Message, RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import { isChange } from './change-filter.ts'
import { messageOf } from './incoming.ts'
import type { LinkEvents } from './link.ts'
import { openProgress, PROGRESS, type Tell } from './progress.ts'
import { openQuestions, type Reply } from './questions.ts'
import type { RequestOptions } from './upstream.ts'

/** The request during which something is said. */
export type Owner = { id: number; options: RequestOptions }

export type Unasked = {
  begin(id: number, params: JsonObject, options: RequestOptions): void
  hear(message: JsonObject, owner: Owner | undefined): void
  endOf(id: number, answer: RpcAnswer | undefined): void
  end(): void
}

/** `isShared`: all is said on one channel, where nothing says which request a question is of. */
export function openUnasked(events: LinkEvents, reply: Reply, log: Log, isShared: boolean): Unasked {
  const progress = openProgress()
  const questions = openQuestions(reply)
  const tell = (to: Tell, message: Message) => {
    try {
      to?.(message)
    } catch (error) {
      log.error({ err: error, method: message.method }, 'notification of an upstream failed')
    }
  }
  const hearNotification = (message: Message, owner: Owner | undefined) => {
    if (message.method === 'notifications/cancelled') return questions.cancel(message.params?.['requestId'])
    if (message.method === PROGRESS) {
      const told = progress.translate(message.params)
      if (told !== undefined) tell(told.task ? events.onNotification : told.tell, told.message)
      return
    }
    if (isChange(message)) tell(events.onChange, message)
    tell(owner?.options.onNotification ?? events.onNotification, message)
  }
  return {
    begin: (id, params, options) => progress.begin(id, params, options.onNotification),
    hear(message, owner) {
      if (message['id'] !== undefined)
        return questions.take(message, owner?.options.onRequest ?? events.onRequest, owner?.id)
      const notification = messageOf(message)
      if (notification !== undefined) hearNotification(notification, owner)
    },
    endOf(id, answer) {
      progress.end(id, answer)
      // On a shared channel a question that outlives a good answer was not asked for its sake.
      if (answer === undefined || !isShared) questions.endOf(id)
    },
    end: () => questions.end(),
  }
}
