import { expect, test } from 'vitest'
import { serverEvents, type ServerEvent } from './server-events.ts'

async function read(...pieces: string[]): Promise<ServerEvent[]> {
  const encoder = new TextEncoder()
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece))
      controller.close()
    },
  })
  const events: ServerEvent[] = []
  for await (const event of serverEvents(stream)) events.push(event)
  return events
}

test('events are read however the stream is cut into pieces', async () => {
  const text = 'event: text\nid: 7\ndata: {"a":\ndata: 1}\n\n: still there\n\nid: 8\r\ndata: {}\r\n\r\n'
  const wanted = [
    { id: '7', data: '{"a":\n1}' },
    { id: '8', data: '{}' },
  ]
  expect(await read(text)).toEqual(wanted)
  expect(await read(...text)).toEqual(wanted)
})

test('an event that was cut off is none', async () => {
  expect(await read('id: 1\ndata: {}\n\nid: 2\ndata: {')).toEqual([{ id: '1', data: '{}' }])
})
