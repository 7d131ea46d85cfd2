import { expect, test } from 'vitest'
import { fewAtOnce } from './few-at-once.ts'

test('answers come in the order of the questions, and never more than so many are under way', async () => {
  let open = 0
  let most = 0
  const answers = await fewAtOnce(
    Array.from({ length: 20 }, (_, at) => at),
    async (at) => {
      open += 1
      most = Math.max(most, open)
      await new Promise((resolve) => setImmediate(resolve))
      open -= 1
      return at * 2
    },
    3,
  )
  expect(answers).toEqual(Array.from({ length: 20 }, (_, at) => at * 2))
  expect(most).toBe(3)
})

test('what fails is told', async () => {
  await expect(fewAtOnce([1], () => Promise.reject(new Error('refused')))).rejects.toThrow('refused')
  await expect(fewAtOnce([], () => Promise.reject(new Error('refused')))).resolves.toEqual([])
})
