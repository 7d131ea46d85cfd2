// Requests and answers over one stream of messages each way: a process's pipes, or an event stream with POSTs. An answer
// goes to the request whose id it has; ids that are not ours are not heard.
import type { RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import { clientGone, MAX_TIMER_MS, tooLate, unavailable } from './failures.ts'
import { answerOf } from './incoming.ts'
import type { RequestOptions } from './upstream.ts'

export type Channel = {
  slug: string
  /** Since when nothing is under way; undefined while something is. */
  idleSinceMs(): number | undefined
  /** Sends a request and waits for its answer; `timeoutMs` 0 waits for as long as the channel lives. */
  call(id: number, method: string, params: JsonObject, options: RequestOptions): Promise<RpcAnswer>
  send(message: JsonObject): Promise<void>
  /** Takes a message of the server's. */
  receive(message: JsonObject): void
  /** What the server says beside its answers. */
  hear: (message: JsonObject) => void
  /** Answers a request in the server's place. */
  settle(id: number, answer: RpcAnswer): void
  /** The channel is broken: nothing under way is answered any more. */
  fail(error: Error): void
}

type Pending = { resolve(answer: RpcAnswer): void; reject(error: Error): void; stop(): void }

/** `write` sends one message; what it throws or rejects with fails the request. */
export function openChannel(slug: string, write: (message: JsonObject) => void | Promise<void>): Channel {
  const pending = new Map<number, Pending>()
  let broken: Error | undefined
  let usedAtMs = performance.now()

  const take = (id: number): Pending | undefined => {
    const entry = pending.get(id)
    pending.delete(id)
    usedAtMs = performance.now()
    entry?.stop()
    return entry
  }
  const send = async (message: JsonObject) => {
    if (broken !== undefined) throw broken
    await write({ jsonrpc: '2.0', ...message })
  }
  const giveUp = (id: number, method: string, reason: string, error: Error) => {
    const entry = take(id)
    if (entry === undefined) return
    entry.reject(error)
    if (method === 'initialize') return // May not be taken back.
    const params = { requestId: id, reason }
    send({ method: 'notifications/cancelled', params }).catch(() => undefined)
  }
  const channel: Channel = {
    slug,
    idleSinceMs: () => (pending.size > 0 ? undefined : usedAtMs),
    send,
    call(id, method, params, { timeoutMs, signal }) {
      return new Promise<RpcAnswer>((resolve, reject) => {
        if (signal?.aborted) return reject(clientGone())
        const gone = () => giveUp(id, method, 'The client went away.', clientGone())
        const late = () => giveUp(id, method, 'The answer came too late.', tooLate(slug, timeoutMs))
        const timer = timeoutMs === 0 ? undefined : setTimeout(late, Math.min(MAX_TIMER_MS, timeoutMs))
        const stop = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', gone)
        }
        pending.set(id, { resolve, reject, stop })
        signal?.addEventListener('abort', gone, { once: true })
        send({ id, method, params }).catch((error: Error) => take(id)?.reject(error))
      })
    },
    receive(message) {
      if (message['method'] !== undefined) return channel.hear(message)
      const { id } = message
      if (typeof id !== 'number') return
      const entry = take(id)
      if (entry === undefined) return
      const answer = answerOf(message)
      if (answer === undefined) entry.reject(unavailable(slug, 'answered with neither a result nor an error'))
      else entry.resolve(answer)
    },
    hear: () => undefined,
    settle: (id, answer) => take(id)?.resolve(answer),
    fail(error) {
      broken ??= error
      for (const id of [...pending.keys()]) take(id)?.reject(error)
    },
  }
  return channel
}
