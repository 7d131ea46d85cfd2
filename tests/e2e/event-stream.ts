// An event stream held open by hand: what comes on it, when it ends, and the id of the last event.
import { request as httpRequest } from 'undici'
import { vi } from 'vitest'
import type { Json } from './mcp-wire.ts'

export type Events = AsyncDisposable & {
  messages(): readonly Json[]
  /** The first message that is as wanted, among those that came and those that will. */
  until(isWanted: (message: Json) => boolean): Promise<Json>
  lastId(): string
  /** Resolves when the other side has ended it. */
  ended: Promise<void>
}

const COMES_WITHIN = { timeout: 10_000, interval: 10 }

/** A GET, or with a message a POST of it. */
export async function openEvents(
  url: string,
  headers: Record<string, string>,
  message?: Json,
): Promise<Events> {
  const leaving = new AbortController()
  const answer = await httpRequest(url, {
    method: message === undefined ? 'GET' : 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...headers,
    },
    signal: leaving.signal,
    ...(message === undefined ? {} : { body: JSON.stringify(message) }),
  })
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${await answer.body.text()}`)
  const messages: Json[] = []
  let lastId = ''
  const read = async () => {
    let unread = ''
    for await (const chunk of answer.body) {
      unread += String(chunk)
      const events = unread.split('\n\n')
      unread = events.pop() ?? ''
      for (const event of events) {
        const lines = event.split('\n')
        lastId = lines.find((line) => line.startsWith('id: '))?.slice(4) ?? lastId
        const data = lines.find((line) => line.startsWith('data: '))?.slice(6) ?? ''
        if (data !== '') messages.push(JSON.parse(data) as Json)
      }
    }
  }
  const ended = read().catch(() => undefined)
  return {
    messages: () => messages,
    until: (isWanted) =>
      vi.waitFor(() => {
        const found = messages.find(isWanted)
        if (found === undefined) throw new Error(`it did not come; what did: ${JSON.stringify(messages)}`)
        return found
      }, COMES_WITHIN),
    lastId: () => lastId,
    ended,
    async [Symbol.asyncDispose]() {
      leaving.abort()
      await ended
    },
  }
}
