// Messages as they come, gathered: as many as there are within a moment, up to a limit.
import { setTimeout as sleep } from 'node:timers/promises'

/** Messages that end soon after it is disposed of. */
export type Source<M> = AsyncDisposable & { messages: AsyncIterable<M> }

export type BatchLimits = { maxMessages: number; maxBytes: number; withinMs: number }

/**
 * Ends with the messages, when the signal is aborted, or when no more is asked for. Then what was not told, and what is
 * still on its way, is given back.
 */
export async function* batches<M extends { bytes: Uint8Array; giveBack(): void }>(
  source: Source<M>,
  { maxMessages, maxBytes, withinMs }: BatchLimits,
  signal: AbortSignal,
): AsyncGenerator<M[]> {
  const iterator = source.messages[Symbol.asyncIterator]()
  const aborted = whenAborted(signal)
  let next = iterator.next()
  let held: M[] = []
  try {
    for (;;) {
      const first = await Promise.race([next, aborted])
      if (first === undefined || first.done === true) return
      held = [first.value]
      next = iterator.next()
      const late = new AbortController()
      const time = sleep(withinMs, undefined, { signal: late.signal }).catch(() => undefined)
      let bytes = first.value.bytes.length
      while (held.length < maxMessages && bytes < maxBytes) {
        const more = await Promise.race([next, time, aborted])
        if (more === undefined || more.done === true) break
        held.push(more.value)
        bytes += more.value.bytes.length
        next = iterator.next()
      }
      late.abort()
      if (signal.aborted) return
      const told = held
      held = []
      yield told
    }
  } finally {
    held.forEach((message) => message.giveBack())
    const ended = source[Symbol.asyncDispose]()
    for (let more = await next; more.done !== true; more = await iterator.next()) more.value.giveBack()
    await ended
  }
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
