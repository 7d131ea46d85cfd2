// A `fetch` for the model's server: what comes back is bounded in lines and bytes, is JSON line by line, and ends when the
// signal says so. The client above it keeps a whole line in memory and prints what it cannot read, so neither gets there.
import { ModelFailure } from './model.ts'

const MAX_LINE_BYTES = 256 * 1024
const MAX_BYTES = 8 * 1024 * 1024
const MAX_REFUSAL_BYTES = 4 * 1024

export function boundedFetch(signal: AbortSignal): typeof fetch {
  return async (input, init = {}) => {
    const both = init.signal ? AbortSignal.any([signal, init.signal]) : signal
    const response = await fetch(input, { ...init, signal: both, redirect: 'error' })
    if (!response.ok) return refusal(response)
    if (response.body === null) throw new ModelFailure('nonsense')
    return new Response(response.body.pipeThrough(jsonLines()), {
      status: response.status,
      headers: { 'content-type': 'application/json' },
    })
  }
}

/** The beginning of what it says, as the client reads it. */
async function refusal(response: Response): Promise<Response> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader()
  const first = await reader?.read()
  await reader?.cancel()
  const text = new TextDecoder().decode(first?.value?.subarray(0, MAX_REFUSAL_BYTES))
  return Response.json({ error: messageIn(text) }, { status: response.status })
}

function messageIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    if (typeof error === 'string') return error
  } catch {
    // Told as it stands.
  }
  return text.slice(0, 200)
}

/** Passes on whole lines that are JSON objects; anything else breaks the stream. */
function jsonLines(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder('utf-8')
  const encoder = new TextEncoder()
  let line = ''
  let bytes = 0
  const pass = (text: string, controller: TransformStreamDefaultController<Uint8Array>) => {
    if (text.trim() === '') return
    if (!isObject(text)) throw new ModelFailure('nonsense')
    controller.enqueue(encoder.encode(`${text}\n`))
  }
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length
      if (bytes > MAX_BYTES) throw new ModelFailure('too_long')
      const parts = (line + decoder.decode(chunk, { stream: true })).split('\n')
      line = parts.pop() ?? ''
      if (line.length > MAX_LINE_BYTES || parts.some((part) => part.length > MAX_LINE_BYTES))
        throw new ModelFailure('too_long')
      for (const part of parts) pass(part, controller)
    },
    flush(controller) {
      // A line without its end was cut off: the client says so, as no line said that it is done.
      if (isObject(line)) pass(line, controller)
    },
  })
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
