import { expect, test } from 'vitest'
import { doneBy, refusalOf, waitingTime } from './outcome.ts'

const refused = (form?: string) => ({
  message: 'No.',
  type: 'invalid_argument',
  errors: {},
  values: form === undefined ? {} : { form },
})

test('a form shows what was refused and done of itself, and nothing of another', () => {
  expect(refusalOf(refused('email'), 'email')).toEqual(refused('email'))
  expect(refusalOf(refused('email'), 'password')).toBeUndefined()
  expect(refusalOf({ done: 'email', message: 'Saved.' }, 'email')).toBeUndefined()
  expect(doneBy({ done: 'email', message: 'Saved.' }, 'email')).toBe('Saved.')
  expect(doneBy({ done: 'email', message: 'Saved.' }, 'password')).toBeUndefined()
  expect(doneBy(refused('email'), 'email')).toBeUndefined()
})

test('a page with one form needs no name', () => {
  expect(refusalOf(refused())).toEqual(refused())
  expect(refusalOf(null)).toBeUndefined()
})

test.for([
  [1, 'Try again in 1 second.'],
  [89, 'Try again in 89 seconds.'],
  [90, 'Try again in 2 minutes.'],
  [900, 'Try again in 15 minutes.'],
] as const)('%i seconds: %s', ([seconds, sentence]) => {
  expect(waitingTime(seconds)).toBe(sentence)
})
