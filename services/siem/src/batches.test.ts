import { expect, test } from 'vitest'
import { batches, type Source } from './batches.ts'

type Message = { name: string; bytes: Uint8Array; giveBack(): void }

/** Messages that the test sends, and what was given back of them. */
function line() {
  const sent: Message[] = []
  const givenBack: string[] = []
  let hasEnded = false
  let wake = () => undefined as void
  async function* messages() {
    for (;;) {
      const next = sent.shift()
      if (next !== undefined) yield next
      else if (hasEnded) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  const source: Source<Message> = {
    messages: messages(),
    async [Symbol.asyncDispose]() {
      hasEnded = true
      wake()
    },
  }
  return {
    source,
    givenBack,
    send(name: string, size = 1) {
      sent.push({ name, bytes: new Uint8Array(size), giveBack: () => void givenBack.push(name) })
      wake()
    },
  }
}

const names = (held: Message[]) => held.map(({ name }) => name)
const told = async (batch: AsyncGenerator<Message[]>) =>
  names(((await batch.next()) as { value: Message[] }).value)

test('what comes within a moment is one batch, what comes later is another', async () => {
  const { source, send } = line()
  const batch = batches(
    source,
    { maxMessages: 10, maxBytes: 100, withinMs: 30 },
    new AbortController().signal,
  )
  send('a')
  send('b')
  expect(await told(batch)).toEqual(['a', 'b'])
  send('c')
  expect(await told(batch)).toEqual(['c'])
})

test.for([
  ['messages', { maxMessages: 2, maxBytes: 100 }, 1],
  ['bytes', { maxMessages: 10, maxBytes: 20 }, 10],
] as const)('a batch is full by its %s', async ([, limits, size]) => {
  const { source, send } = line()
  const batch = batches(source, { ...limits, withinMs: 60_000 }, new AbortController().signal)
  for (const name of ['a', 'b', 'c']) send(name, size)
  expect(await told(batch)).toEqual(['a', 'b'])
})

test('what was not told when it is stopped is given back, and so is what still comes', async () => {
  const { source, send, givenBack } = line()
  const stop = new AbortController()
  const batch = batches(source, { maxMessages: 10, maxBytes: 100, withinMs: 60_000 }, stop.signal)
  send('a')
  const next = batch.next()
  send('b')
  await new Promise((resolve) => setImmediate(resolve))
  send('c')
  stop.abort()
  expect((await next).done).toBe(true)
  expect(givenBack.sort()).toEqual(['a', 'b', 'c'])
})

test('who asks for no more has the rest given back', async () => {
  const { source, send, givenBack } = line()
  const limits = { maxMessages: 1, maxBytes: 100, withinMs: 10 }
  for (const name of ['a', 'b', 'c']) send(name)
  for await (const held of batches(source, limits, new AbortController().signal)) {
    expect(names(held)).toEqual(['a'])
    break
  }
  expect(givenBack).toEqual(['b', 'c'])
})
