// Server-sent events out of an answer to a POST, which EventSource cannot read.

export type ServerEvent = { id: string | undefined; data: string }

/** More than any event of ours has: what never ends is given up. */
const MOST_CHARS = 4_000_000

export async function* serverEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = stream
    .pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      // A line's end may be two characters, of which the second comes later.
      const blocks = (rest + value).replaceAll('\r\n', '\n').split('\n\n')
      rest = blocks.pop() ?? ''
      if (rest.length > MOST_CHARS) throw new Error('An event of the stream has no end.')
      for (const block of blocks) {
        const event = eventOf(block)
        if (event !== undefined) yield event
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** `undefined` for what is a sign of life only. */
function eventOf(block: string): ServerEvent | undefined {
  const data: string[] = []
  let id: string | undefined
  for (const line of block.split('\n')) {
    const [, name, value = ''] = /^([a-z]+):? ?(.*)$/.exec(line) ?? []
    if (name === 'data') data.push(value)
    else if (name === 'id') id = value
  }
  return data.length === 0 ? undefined : { id, data: data.join('\n') }
}
