// The person at a client of the legacy era: asked in the middle of their call, by a request of our own.
import { randomUUID } from 'node:crypto'
import { isObject, type Message, type RequestId } from '@mcpshield/mcp/messages'
import type { JsonValue } from '@mcpshield/policy/facts'
import { messageLine } from './stdio-messages.ts'

/** `gone`: the client took the call back, or is gone itself. */
export type Word = 'approved' | 'refused' | 'late' | 'gone'

export type Person = {
  ask(question: Message, timeoutMs: number, signal: AbortSignal): Promise<Word>
  /** Takes in an answer of the client's; false when it is none to a question of ours. */
  answered(id: RequestId, answer: { result: JsonValue } | { error: JsonValue }): boolean
  /** Nobody answers any more. */
  left(): void
}

export function personAtClient(toClient: (line: string) => Promise<void>): Person {
  const asked = new Map<RequestId, (word: Word) => void>()
  let isGone = false
  return {
    async ask({ method, params = {} }, timeoutMs, signal) {
      if (isGone || signal.aborted) return 'gone'
      // The server's own questions have ids of its choice: none of them must look like this one.
      const id = `mcpshield-${randomUUID()}`
      const { promise, resolve } = Promise.withResolvers<Word>()
      const gone = () => resolve('gone')
      asked.set(id, resolve)
      signal.addEventListener('abort', gone, { once: true })
      const timer = setTimeout(() => resolve('late'), timeoutMs)
      await toClient(messageLine({ id, method, params }))
      const word = await promise
      clearTimeout(timer)
      signal.removeEventListener('abort', gone)
      if (asked.delete(id)) await toClient(takenBack(id))
      return word
    },
    answered(id, answer) {
      const settle = asked.get(id)
      asked.delete(id)
      settle?.('result' in answer && isObject(answer.result) ? wordIn(answer.result['action']) : 'refused')
      return settle !== undefined
    },
    left() {
      isGone = true
      for (const settle of asked.values()) settle('gone')
    },
  }
}

/** Only a clear yes is one. */
export function wordIn(action: unknown): 'approved' | 'refused' {
  return action === 'accept' ? 'approved' : 'refused'
}

function takenBack(requestId: string): string {
  return messageLine({
    method: 'notifications/cancelled',
    params: { requestId, reason: 'The call is over.' },
  })
}
