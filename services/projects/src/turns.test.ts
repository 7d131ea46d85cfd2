import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { turnsOfOrganizations } from './turns.ts'

test('work of one organisation follows each other, with pauses; another one does not wait for it', async () => {
  const turns = turnsOfOrganizations()
  const done: string[] = []
  const work = (name: string) => async () => {
    await sleep(50)
    done.push(name)
  }
  const startedMs = performance.now()
  const busy = ['a1', 'a2', 'a3'].map((name) => turns.take('a', work(name)))
  await turns.take('b', work('b1'))
  expect(done).toEqual(['a1', 'b1'])
  await Promise.all(busy)
  expect(done).toEqual(['a1', 'b1', 'a2', 'a3'])
  expect(performance.now() - startedMs).toBeGreaterThan(50 + 2 * 4 * 45)
})

test('what has waited too long is not begun, and says so', async () => {
  const turns = turnsOfOrganizations()
  const long = turns.take('a', () => sleep(800))
  const late = turns.take('a', async () => 'done')
  await long
  await expect(late).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  expect(await turns.take('a', async () => 'done')).toBe('done')
})

test('work that fails fails for its caller alone', async () => {
  const turns = turnsOfOrganizations()
  const failing = turns.take('a', () => Promise.reject(new Error('no')))
  const next = turns.take('a', async () => 'done')
  await expect(failing).rejects.toThrow('no')
  expect(await next).toBe('done')
})
