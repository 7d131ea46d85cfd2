import { describe, expect, test, vi } from 'vitest'
import { streamBuffer } from '../src/stream-buffer.ts'
import type { StreamConnection } from '../src/stream-connection.ts'
import { frame } from '../src/stream.ts'
import { resumableStreams } from '../src/streams.ts'

const instance = 'abcdefghijkl'
const budget = () => ({ maxBytes: 1e9, usedBytes: 0 })

describe('what is kept of a stream', () => {
  test('is its last 256 events', () => {
    const buffer = streamBuffer(budget())
    for (let n = 1; n <= 300; n++) buffer.add(n, `${n}`)
    expect(buffer.after(0).map(({ n }) => n)).toEqual(Array.from({ length: 256 }, (_, at) => at + 45))
  })

  test('is at most 4 MiB, and nothing of what is larger', () => {
    const buffer = streamBuffer(budget())
    const mebibyte = 'x'.repeat(1024 * 1024)
    for (let n = 1; n <= 6; n++) expect(buffer.add(n, mebibyte)).toBe(true)
    expect(buffer.after(0).map(({ n }) => n)).toEqual([3, 4, 5, 6])
    expect(buffer.add(7, mebibyte.repeat(5))).toBe(false)
    expect(buffer.after(0)).toEqual([])
    expect(buffer.bytes()).toBe(0)
  })

  test('is less where all streams together have too much, and is given back', () => {
    const shared = { maxBytes: 10, usedBytes: 0 }
    const [one, other] = [streamBuffer(shared), streamBuffer(shared)]
    one.add(1, 'xxxxxx')
    other.add(1, 'yyy')
    other.add(2, 'zzz')
    expect(other.after(0).map(({ n }) => n)).toEqual([2])
    one.forgetUpTo(1)
    other.forgetUpTo(2)
    expect(shared.usedBytes).toBe(0)
  })
})

/** A connection that keeps what it was given. */
function recorded(): StreamConnection & { frames: string[] } {
  const frames: string[] = []
  let isOpen = true
  return {
    frames,
    write: (text) => (isOpen ? frames.push(text) > 0 : false),
    end: () => void (isOpen = false),
    isOpen: () => isOpen,
  }
}

const open = (terms: { isPrimed?: boolean; onAbandoned?: () => void; runOnMs?: number } = {}) => {
  const streams = resumableStreams(instance, { runOnMs: terms.runOnMs ?? 1_000, keepMs: 1_000 })
  const stream = streams.start({
    session: 's',
    kind: 'p',
    isPrimed: terms.isPrimed ?? false,
    onAbandoned: terms.onAbandoned ?? (() => undefined),
  })
  return { streams, stream }
}

describe('a stream that breaks', () => {
  test('begins with an id that can be come back to, and goes on after the last that the client has', () => {
    const { stream } = open({ isPrimed: true })
    const first = recorded()
    stream.attach(first, 0)
    stream.send('1')
    stream.detach(first)
    stream.send('2')
    stream.send('3')
    const second = recorded()
    stream.attach(second, 1)
    stream.send('4')
    expect(first.frames).toEqual([
      `id: ${instance}_p0_0\nretry: 1000\ndata: \n\n`,
      frame(`${instance}_p0_1`, '1'),
    ])
    expect(second.frames).toEqual([2, 3, 4].map((n) => frame(`${instance}_p0_${n}`, String(n))))
  })

  test('tells once more what the client says it has not, though it was sent', () => {
    const { stream } = open()
    const [first, second] = [recorded(), recorded()]
    stream.attach(first, 0)
    for (const json of ['1', '2', '3']) stream.send(json)
    stream.attach(second, 1)
    expect(second.frames).toHaveLength(2)
    expect(first.isOpen()).toBe(false)
  })

  test('is for its own session alone', () => {
    const { streams, stream } = open()
    expect(streams.find(stream.name, 's')).toBe(stream)
    expect(streams.find(stream.name, 'another')).toBeUndefined()
  })

  test('keeps its end for who comes back', () => {
    const { streams, stream } = open()
    const first = recorded()
    stream.attach(first, 0)
    stream.detach(first)
    stream.send('answer')
    streams.finish(stream)
    const second = recorded()
    streams.find(stream.name, 's')?.attach(second, 0)
    expect(second.frames).toEqual([frame(`${instance}_p0_1`, 'answer')])
    expect(second.isOpen()).toBe(false)
  })

  test('keeps a word in the place of an answer that is too large', () => {
    const { streams, stream } = open()
    stream.send('x'.repeat(5 * 1024 * 1024), 'too large')
    streams.finish(stream)
    const back = recorded()
    stream.attach(back, 0)
    expect(back.frames).toEqual([frame(`${instance}_p0_1`, 'too large')])
  })

  test('is given up when nobody comes back, and not while somebody is there', () => {
    vi.useFakeTimers()
    try {
      const abandoned: string[] = []
      const { stream } = open({ onAbandoned: () => abandoned.push('gone'), runOnMs: 100 })
      const [first, second] = [recorded(), recorded()]
      stream.attach(first, 0)
      vi.advanceTimersByTime(1_000)
      stream.detach(first)
      vi.advanceTimersByTime(90)
      stream.attach(second, 0)
      vi.advanceTimersByTime(1_000)
      expect(abandoned).toEqual([])
      expect(stream.detach(first)).toBe(false)
      vi.advanceTimersByTime(1_000)
      expect(abandoned).toEqual([])
      stream.detach(second)
      vi.advanceTimersByTime(100)
      expect(abandoned).toEqual(['gone'])
    } finally {
      vi.useRealTimers()
    }
  })

  test('is not given up while another instance waits for what comes next', async () => {
    const { stream } = open({ runOnMs: 60_000 })
    const waiting = stream.next(0, 5_000)
    stream.send('1')
    expect(await waiting).toMatchObject({ events: [{ n: 1, json: '1' }], ended: false })
    expect(await stream.next(1, 10)).toEqual({ events: [], ended: false })
    stream.end()
    expect(await stream.next(1, 5_000)).toEqual({ events: [], ended: true })
  })

  test('goes with its session', () => {
    const { streams, stream } = open()
    const connection = recorded()
    stream.attach(connection, 0)
    streams.dropOf('another')
    expect(connection.isOpen()).toBe(true)
    streams.dropOf('s')
    expect(connection.isOpen()).toBe(false)
    expect(streams.find(stream.name, 's')).toBeUndefined()
  })
})

test('a message with line breaks is one event all the same', () => {
  expect(frame('x', '{\n"a":\r\n1}')).toBe('id: x\nevent: message\ndata: { "a": 1}\n\n')
})
