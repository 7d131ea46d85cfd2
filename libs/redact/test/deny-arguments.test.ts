import { expect, test } from 'vitest'
import { deniedArguments } from '../src/deny-arguments.ts'

const denials = [
  { rule: 'no-mail', detector: 'email' },
  { rule: 'no-cards', detector: 'credit_card' },
]

test('arguments that carry something a rule denies are denied by the first such rule, wherever it stands', () => {
  const card = { lines: [{ note: 'pay with 4111 1111 1111 1111' }] }
  expect(deniedArguments(card, denials)).toEqual({
    rule: 'no-cards',
    reason: 'The arguments carry something that looks like a secret (credit_card).',
  })
  expect(deniedArguments({ ...card, to: 'ann@example.com' }, denials)?.rule).toBe('no-mail')
})

test('arguments without it are not denied, and neither is anything where no rule says so', () => {
  expect(deniedArguments({ note: 'pay with 4111 1111 1111 1112' }, denials)).toBeUndefined()
  expect(deniedArguments({ to: 'ann@example.com' })).toBeUndefined()
})
