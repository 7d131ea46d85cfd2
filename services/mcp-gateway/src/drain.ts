// What is open while the gateway stops: calls may end, and who only listens is sent to listen elsewhere.
import type { IncomingMessage, ServerResponse } from 'node:http'

export type OpenRequests = {
  add(request: IncomingMessage, response: ServerResponse): void
  /** Ends what has no end of its own. */
  endListening(): void
  /** Resolves when every other request is answered, or after so long. */
  answered(withinMs: number): Promise<void>
}

export function openRequests(): OpenRequests {
  const listening = new Set<ServerResponse>()
  const answering = new Set<ServerResponse>()
  let isAnswered: (() => void) | undefined
  return {
    add({ method, headers }, response) {
      // The header is held to the body before anything is answered.
      const isListening = method === 'GET' || headers['mcp-method'] === 'subscriptions/listen'
      const open = isListening ? listening : answering
      open.add(response)
      response.once('close', () => {
        open.delete(response)
        if (answering.size === 0) isAnswered?.()
      })
    },
    endListening() {
      for (const response of listening) response.end()
    },
    async answered(withinMs) {
      if (answering.size === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      isAnswered = resolve
      const late = setTimeout(resolve, withinMs)
      await promise
      clearTimeout(late)
    },
  }
}
