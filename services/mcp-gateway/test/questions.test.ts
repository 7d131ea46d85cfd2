import { describe, expect, test } from 'vitest'
import { askingInstance } from '../src/instance.ts'
import { questions } from '../src/questions.ts'

const message = { method: 'elicitation/create', params: { message: 'Sure?' } }
const idIn = (json: string | undefined) => (JSON.parse(json ?? '{}') as { id: string }).id

function asking(timeoutMs?: number) {
  const open = questions('abcdefghijkl', timeoutMs)
  const sent: string[] = []
  const controller = new AbortController()
  const ask = (to: string) =>
    open.ask({ to, message, signal: controller.signal, send: (json) => void sent.push(json) })
  return { open, sent, controller, ask }
}

describe('a question to a client', () => {
  test('is answered by who was asked', async () => {
    const { open, sent, ask } = asking()
    const answer = ask('session-a')
    expect(JSON.parse(sent[0] ?? '')).toEqual({ jsonrpc: '2.0', id: 'abcdefghijkl.1', ...message })
    expect(askingInstance('abcdefghijkl.1')).toBe('abcdefghijkl')
    expect(open.answer('session-a', 'abcdefghijkl.1', { result: { action: 'accept' } })).toBe(true)
    expect(await answer).toEqual({ result: { action: 'accept' } })
  })

  test('is not answered by another session that knows its id, nor twice', async () => {
    const { open, sent, ask } = asking()
    const answer = ask('session-a')
    const id = idIn(sent[0])
    expect(open.answer('session-b', id, { result: { stolen: true } })).toBe(false)
    expect(open.answer('session-a', id, { result: {} })).toBe(true)
    expect(await answer).toEqual({ result: {} })
    expect(open.answer('session-a', id, { result: {} })).toBe(false)
  })

  test('that is refused, or answered with no result, is an error', async () => {
    const { open, sent, ask } = asking()
    const [refused, odd] = [ask('s'), ask('s')]
    open.answer('s', idIn(sent[0]), { error: { code: -1, message: 'No.' } })
    open.answer('s', idIn(sent[1]), { result: 'text' })
    expect(await refused).toEqual({ error: { code: -1, message: 'No.' } })
    expect(await odd).toMatchObject({ error: { code: -32600 } })
  })

  test('is an error when nobody answers in time', async () => {
    const { ask } = asking(20)
    expect(await ask('s')).toMatchObject({ error: { message: expect.stringContaining('in time') } })
  })

  test('that is taken back is told to the client so', async () => {
    const { open, sent, controller, ask } = asking()
    const answer = ask('s')
    controller.abort()
    expect(await answer).toMatchObject({ error: { message: expect.stringContaining('taken back') } })
    expect(JSON.parse(sent[1] ?? '')).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: idIn(sent[0]) },
    })
    expect(open.answer('s', idIn(sent[0]), { result: {} })).toBe(false)
  })

  test('that cannot be sent is an error', async () => {
    const open = questions('abcdefghijkl')
    const send = () => {
      throw new Error('no bus')
    }
    expect(await open.ask({ to: 's', message, signal: new AbortController().signal, send })).toHaveProperty(
      'error',
    )
  })

  test('is one of at most 1,000 that a session has open', async () => {
    const { sent, controller, ask } = asking()
    const waiting = Array.from({ length: 1_000 }, () => ask('s'))
    expect(await ask('s')).toMatchObject({ error: { message: expect.stringContaining('too many') } })
    void ask('another')
    expect(sent).toHaveLength(1_001)
    controller.abort()
    await Promise.all(waiting)
  })
})

test('an id of another form belongs to no instance', () => {
  for (const id of [
    1,
    null,
    '',
    'all.1',
    'abcdefghijkl',
    'abcdefghijkl.0',
    'abcdefghijkl.x',
    'abcdefghijkl.1.2',
    '*.1',
  ])
    expect(askingInstance(id)).toBeUndefined()
})
