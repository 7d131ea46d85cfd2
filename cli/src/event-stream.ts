// Server-sent events as they come. One that is without end is refused.

export type ServerEvent = { event: string; data: string }

const MAX_EVENT_UNITS = 4 * 1024 * 1024

/** Ends with the stream; throws when it is cut off. */
export async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(chunk, { stream: true })
    // A return that ends a chunk may be half of a line's end.
    const ready = rest.endsWith('\r') ? rest.slice(0, -1) : rest
    const blocks = ready.replace(/\r\n?/g, '\n').split('\n\n')
    rest = (blocks.pop() ?? '') + rest.slice(ready.length)
    if (rest.length > MAX_EVENT_UNITS) throw new Error('an event is without end')
    for (const block of blocks) {
      const event = eventOf(block)
      if (event !== undefined) yield event
    }
  }
}

/** Undefined of what only says that the server is still there. */
function eventOf(block: string): ServerEvent | undefined {
  let event = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
  return data.length === 0 ? undefined : { event, data: data.join('\n') }
}
