// What a server of the legacy era asks its client, while it waits for the answer. Ids are the server's own.
import {
  INTERNAL_ERROR,
  isId,
  METHOD_NOT_FOUND,
  type Message,
  type RequestId,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import { messageOf } from './incoming.ts'

export type Ask = (message: Message, signal: AbortSignal) => Promise<RpcAnswer>

export type Questions = {
  /** `during`: the request that the question belongs to; it falls with it when that is given up. */
  take(question: JsonObject, ask: Ask | undefined, during?: number): void
  /** The server takes a question back. */
  cancel(id: unknown): void
  endOf(request: number): void
  end(): void
}

/** Settles when the answer is sent, or cannot be. */
export type Reply = (id: RequestId, answer: RpcAnswer) => Promise<unknown>

const MAX_OPEN = 100
/** Answers on their way. A server that asks faster than it listens gets no others. */
const MAX_REPLIES = 200

export function openQuestions(send: Reply): Questions {
  const open = new Map<RequestId, { controller: AbortController; during: number | undefined }>()
  let replies = 0
  const reply = (id: RequestId, answer: RpcAnswer) => {
    if (replies >= MAX_REPLIES) return
    replies++
    const sent = () => void replies--
    send(id, answer).then(sent, sent)
  }
  const drop = (id: RequestId) => {
    open.get(id)?.controller.abort()
    open.delete(id)
  }
  return {
    take(question, ask, during) {
      const { id } = question
      const message = messageOf(question)
      if (!isId(id) || message === undefined || open.has(id)) return
      if (message.method === 'ping') return reply(id, { result: {} })
      if (ask === undefined) return reply(id, error(METHOD_NOT_FOUND, 'This client cannot be asked.'))
      if (open.size >= MAX_OPEN) return reply(id, error(INTERNAL_ERROR, 'Too many questions at once.'))
      const controller = new AbortController()
      const entry = { controller, during }
      open.set(id, entry)
      const answered = (answer: RpcAnswer) => {
        if (open.get(id) !== entry) return // Taken back, or its request is over.
        open.delete(id)
        reply(id, answer)
      }
      asked(ask, message, controller.signal).then(answered, () =>
        answered(error(INTERNAL_ERROR, 'The client could not be asked.')),
      )
    },
    cancel(id) {
      if (isId(id)) drop(id)
    },
    endOf(request) {
      if (open.size === 0) return
      for (const [id, { during }] of open) if (during === request) drop(id)
    },
    end() {
      for (const id of [...open.keys()]) drop(id)
    },
  }
}

/** A server decides how often it asks: that must not be how often it is logged. */
export function toldOnce(log: Log, upstream: string): (error: unknown) => void {
  let isTold = false
  return (error) => {
    if (!isTold) log.warn({ upstream, err: error }, 'answer to an upstream was not taken')
    isTold = true
  }
}

/** What throws at once is a rejection too. */
async function asked(ask: Ask, message: Message, signal: AbortSignal): Promise<RpcAnswer> {
  return ask(message, signal)
}

function error(code: number, message: string): RpcAnswer {
  return { error: { code, message } }
}
