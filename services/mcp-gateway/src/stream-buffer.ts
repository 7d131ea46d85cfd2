// What a client may have missed of one event stream: its last events, bounded. Pure.

export type BufferedEvent = { n: number; json: string; bytes: number }

/** Bytes that all streams of an instance hold together. */
export type BufferBudget = { readonly maxBytes: number; usedBytes: number }

export type StreamBuffer = {
  /** False when it is too large to be kept: then nothing older is either. */
  add(n: number, json: string): boolean
  /** Those after the n-th, oldest first. */
  after(n: number): readonly BufferedEvent[]
  /** The client has these: they will not be asked for again. */
  forgetUpTo(n: number): void
  bytes(): number
}

const MAX_EVENTS = 256
const MAX_BYTES = 4 * 1024 * 1024

export function streamBuffer(budget: BufferBudget): StreamBuffer {
  const events: BufferedEvent[] = []
  let bytes = 0
  const drop = (count: number) => {
    for (const event of events.splice(0, count)) {
      bytes -= event.bytes
      budget.usedBytes -= event.bytes
    }
  }
  const isFull = () => events.length > MAX_EVENTS || bytes > MAX_BYTES || budget.usedBytes > budget.maxBytes
  return {
    add(n, json) {
      const event = { n, json, bytes: Buffer.byteLength(json) }
      events.push(event)
      bytes += event.bytes
      budget.usedBytes += event.bytes
      while (events.length > 0 && isFull()) drop(1)
      return events.length > 0
    },
    after: (n) => events.filter((event) => event.n > n),
    forgetUpTo: (n) => drop(events.findLastIndex((event) => event.n <= n) + 1),
    bytes: () => bytes,
  }
}
