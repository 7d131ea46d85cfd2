import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { renewalTurns } from './oauth-turns.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Work that waits to be ended; how many of it run, and of whom. */
function work() {
  const running: string[] = []
  const ends = new Map<string, () => void>()
  return {
    running,
    of: (name: string) => () =>
      new Promise<string>((resolve) => {
        running.push(name)
        ends.set(name, () => {
          running.splice(running.indexOf(name), 1)
          resolve(name)
        })
      }),
    async end(name: string) {
      ends.get(name)?.()
      await vi.advanceTimersByTimeAsync(0)
    },
  }
}

test('of one organisation two are renewed at once, of all five; the next begins where one ends', async () => {
  const turns = renewalTurns()
  const works = work()
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'd1', 'e1'])
    void turns.take(name[0]!, name, works.of(name)).catch(() => undefined)
  await vi.advanceTimersByTimeAsync(0)
  expect(works.running).toEqual(['a1', 'a2', 'b1', 'c1', 'd1'])
  await works.end('b1')
  expect(works.running).toEqual(['a1', 'a2', 'c1', 'd1', 'e1'])
  await works.end('a1')
  expect(works.running).toEqual(['a2', 'c1', 'd1', 'e1', 'a3'])
})

test('two organisations with slow servers leave turns to the others, now and for ten minutes after', async () => {
  const turns = renewalTurns()
  const works = work()
  const take = (name: string) => void turns.take(name[0]!, name, works.of(name)).catch(() => undefined)
  for (const name of ['a1', 'a2', 'b1', 'b2']) take(name)
  await vi.advanceTimersByTimeAsync(2_000)
  take('c1')
  await vi.advanceTimersByTimeAsync(0)
  expect(works.running).toEqual(['a1', 'a2', 'b1', 'b2', 'c1'])
  for (const name of ['a1', 'a2', 'b1', 'b2', 'c1']) await works.end(name)
  // Known as slow by now.
  for (const name of ['a3', 'a4', 'b3', 'b4', 'c2', 'd1', 'd2']) take(name)
  await vi.advanceTimersByTimeAsync(0)
  expect(works.running).toEqual(['a3', 'a4', 'b3', 'c2', 'd1'])
  for (const name of ['a3', 'a4', 'b3', 'c2', 'd1', 'd2', 'b4']) await works.end(name)
  await vi.advanceTimersByTimeAsync(10 * 60_000)
  for (const name of ['a5', 'a6', 'b5', 'b6', 'c3']) take(name)
  await vi.advanceTimersByTimeAsync(0)
  expect(works.running).toEqual(['a5', 'a6', 'b5', 'b6', 'c3'])
})

test('who waits for too long is told to try again, and the work is not begun later', async () => {
  const turns = renewalTurns()
  const works = work()
  for (const name of ['a1', 'a2']) void turns.take('a', name, works.of(name))
  const late = turns.take('a', 'a3', works.of('a3'))
  const refused = expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await vi.advanceTimersByTimeAsync(6_000)
  await refused
  await works.end('a1')
  expect(works.running).toEqual(['a2'])
})

test('the same question has one answer while it is worked on, and another afterwards', async () => {
  const turns = renewalTurns()
  const works = work()
  const both = [turns.take('a', 'same', works.of('x')), turns.take('a', 'same', works.of('y'))]
  await vi.advanceTimersByTimeAsync(0)
  expect(works.running).toEqual(['x'])
  await works.end('x')
  expect(await Promise.all(both)).toEqual(['x', 'x'])
  void turns.take('a', 'same', works.of('z'))
  await vi.advanceTimersByTimeAsync(0)
  expect(works.running).toEqual(['z'])
})

test('a failure stands for five seconds, and then it is tried again', async () => {
  const turns = renewalTurns()
  let tried = 0
  const failing = () => {
    tried++
    return Promise.reject(new Error('down'))
  }
  const ask = () => turns.take('a', 'same', failing).catch((error: Error) => error.message)
  expect([await ask(), await ask(), tried]).toEqual(['down', 'down', 1])
  await vi.advanceTimersByTimeAsync(4_999)
  expect([await ask(), tried]).toEqual(['down', 1])
  await vi.advanceTimersByTimeAsync(1)
  expect([await ask(), tried]).toEqual(['down', 2])
})
