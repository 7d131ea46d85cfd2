// The requests of the client that have no answer yet.
import type { Request } from '@mcpshield/mcp/json-rpc'
import type { Client } from './client.ts'

export type OpenRequest = {
  request: Request
  client: Client
  /** Aborted when the client took the request back; the reason is its own. */
  signal: AbortSignal
  /** To be called once the request only waits for somebody: the client's next message may be read. */
  waits(): void
  /** Resolves when the request is over, answered or not. */
  over: Promise<void>
}

export type OpenRequests = {
  /** Runs one; resolves once it waits for somebody or is over. */
  run(request: Request, client: Client, serve: (open: OpenRequest) => Promise<void>): Promise<void>
  takeBack(id: unknown, reason: unknown): void
  /** No more of them are remembered. */
  isFull(): boolean
  /** Those that end by themselves. */
  count(): number
}

/** What a client can make us remember at a time. */
export const MAX_OPEN_REQUESTS = 10_000

export function openRequests(): OpenRequests {
  const open = new Map<AbortController, Request>()
  return {
    async run(request, client, serve) {
      const control = new AbortController()
      const waits = Promise.withResolvers<void>()
      const over = Promise.withResolvers<void>()
      open.set(control, request)
      void serve({
        request,
        client,
        signal: control.signal,
        waits: waits.resolve,
        over: over.promise,
      }).finally(() => {
        open.delete(control)
        waits.resolve()
        over.resolve()
      })
      return waits.promise
    },
    takeBack(id, reason) {
      for (const [control, { id: known }] of [...open])
        if (known === id) control.abort(typeof reason === 'string' ? reason : undefined)
    },
    isFull: () => open.size > MAX_OPEN_REQUESTS,
    count: () => [...open.values()].filter(({ method }) => method !== 'subscriptions/listen').length,
  }
}
