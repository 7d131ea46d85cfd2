// What this instance has asked clients and waits for. An answer counts only from whom was asked: the id alone, which
// anybody may guess, opens nothing.
import { hash } from 'node:crypto'
import {
  INTERNAL_ERROR,
  INVALID_REQUEST,
  isObject,
  rpcError,
  type Message,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'

export type Questions = {
  /** Sends the question and waits for its answer; an error answer when there is none. Never rejects. */
  ask(question: Question): Promise<RpcAnswer>
  /** True when somebody here waited for this answer from there. */
  answer(from: string, id: string, answer: JsonObject): boolean
}

export type Question = {
  /** Digest of the session that is asked; see `asWithoutSession`. */
  to: string
  message: Message
  signal: AbortSignal
  /** Given the question as JSON. */
  send(json: string): void
}

const MAX_WAITING = 1_000
const TIMEOUT_MS = 5 * 60_000

type Waiting = { to: string; resolve(answer: RpcAnswer): void }

export function questions(instance: string, timeoutMs: number = TIMEOUT_MS): Questions {
  const waiting = new Map<string, Waiting>()
  const counts = new Map<string, number>()
  let next = 1

  const count = (to: string, change: 1 | -1) => {
    const now = (counts.get(to) ?? 0) + change
    if (now === 0) counts.delete(to)
    else counts.set(to, now)
  }
  return {
    async ask({ to, message, signal, send }) {
      if (signal.aborted) return unanswered('The question was taken back.')
      if ((counts.get(to) ?? 0) >= MAX_WAITING) return unanswered('The client has too many open questions.')
      const id = `${instance}.${next++}`
      const { promise, resolve } = Promise.withResolvers<RpcAnswer>()
      const late = setTimeout(() => resolve(unanswered('The client did not answer in time.')), timeoutMs)
      const takeBack = () => {
        resolve(unanswered('The question was taken back.'))
        tellTakenBack(id, send)
      }
      signal.addEventListener('abort', takeBack, { once: true })
      waiting.set(id, { to, resolve })
      count(to, 1)
      try {
        send(questionJson(id, message))
        return await promise
      } catch {
        return unanswered('The client cannot be reached.')
      } finally {
        clearTimeout(late)
        signal.removeEventListener('abort', takeBack)
        waiting.delete(id)
        count(to, -1)
      }
    },
    answer(from, id, answer) {
      const asked = waiting.get(id)
      if (asked === undefined || asked.to !== from) return false
      asked.resolve(answerOf(answer))
      return true
    },
  }
}

function tellTakenBack(id: string, send: Question['send']): void {
  try {
    send(messageJson({ method: 'notifications/cancelled', params: { requestId: id } }))
  } catch {
    // Then the client cannot be reached, and its answer would not be waited for.
  }
}

/** Who answers for a client that has no session: whoever has its credential. */
export function asWithoutSession(subject: string): string {
  return hash('sha256', `no session ${subject}`)
}

export function messageJson(message: Message): string {
  return JSON.stringify({ jsonrpc: '2.0', ...message })
}

export function questionJson(id: string, message: Message): string {
  return JSON.stringify({ jsonrpc: '2.0', id, ...message })
}

export function unanswered(message: string): RpcAnswer {
  return { error: { code: INTERNAL_ERROR, message } }
}

function answerOf({ result, error }: JsonObject): RpcAnswer {
  if (isObject(result)) return { result }
  if (isObject(error)) return { error: rpcError(error) }
  return {
    error: { code: INVALID_REQUEST, message: 'The client’s answer is neither a result nor an error.' },
  }
}

/** A client's answer as it travels between instances. */
export function answerMessage(answer: { result: JsonValue } | { error: JsonValue }): JsonObject {
  return { ...answer }
}
