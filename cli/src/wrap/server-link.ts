// Requests to the server, under ids of our own: an answer can only ever be the answer of a request that was let through.
import type { Message } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import { messageLine } from './stdio-messages.ts'

export type Answered = { message: JsonObject } | { none: 'late' | 'ended' | 'taken back' }

export type AskOptions = {
  /** Takes the request back; a text as its reason is told to the server. */
  signal?: AbortSignal
  timeoutMs?: number | undefined
  /** Told the id that the server knows the request by, before it is sent. */
  named?(serverId: number): void
  /** Called once it is sent. */
  sent?(): void
  /** Until then, the server's next message waits: what follows an answer must not overtake it. */
  over?: Promise<void>
}

export type ServerLink = {
  ask(message: Message, options?: AskOptions): Promise<Answered>
  notify(message: Message): Promise<void>
  /** Takes in an answer, and waits for what is made of it. One that nobody waits for is passed over. */
  answered(message: JsonObject): Promise<void>
  /** The server is gone: whoever waits learns of it. */
  ended(): Promise<void>
}

type Waiting = { settle(answered: Answered): void; over: Promise<void> | undefined }

export function serverLink(send: (line: string) => Promise<void>): ServerLink {
  const waiting = new Map<number, Waiting>()
  let nextId = 1
  let isOver = false

  const notify = ({ method, params }: Message) =>
    send(messageLine({ method, ...(params === undefined ? {} : { params }) }))

  return {
    notify,
    async ask({ method, params = {} }, { signal, timeoutMs, named, sent, over } = {}) {
      if (isOver) return { none: 'ended' }
      if (signal?.aborted === true) return { none: 'taken back' }
      const id = nextId++
      const { promise, resolve } = Promise.withResolvers<Answered>()
      const settle = (answered: Answered) => {
        if (waiting.delete(id)) resolve(answered)
      }
      const takeBack = () => {
        settle({ none: 'taken back' })
        void notify(cancelled(id, signal?.reason))
      }
      const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs)
      function late(): void {
        settle({ none: 'late' })
        void notify(cancelled(id, 'timeout'))
      }
      waiting.set(id, { settle, over })
      signal?.addEventListener('abort', takeBack, { once: true })
      named?.(id)
      await send(messageLine({ id, method, params }))
      sent?.()
      const answered = await promise
      clearTimeout(timer)
      signal?.removeEventListener('abort', takeBack)
      return answered
    },
    async answered(message) {
      const { id } = message
      const known = typeof id === 'number' ? waiting.get(id) : undefined
      known?.settle({ message })
      await known?.over
    },
    async ended() {
      isOver = true
      for (const { settle, over } of [...waiting.values()]) {
        settle({ none: 'ended' })
        await over
      }
    },
  }
}

function cancelled(requestId: number, reason: unknown): Message {
  return {
    method: 'notifications/cancelled',
    params: { requestId, ...(typeof reason === 'string' ? { reason } : {}) },
  }
}
