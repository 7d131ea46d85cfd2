import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { decodePlace, encodePlace, isMailTo, shownLetter } from './dead-letters.ts'

const bytes = (payload: unknown) => new TextEncoder().encode(JSON.stringify(payload))
const shown = (subject: string, payload: unknown, reason = 'why') =>
  shownLetter({ sequence: 3, subject, reason, time: '2026-01-01T00:00:00.000Z', bytes: bytes(payload) })
const job = (to: object) => ({
  id: randomUUID(),
  to,
  mail: { template: 'verify_email', code: '424242', minutes: 5 },
})
const org_id = randomUUID()
const user_id = randomUUID()

test.for([
  ['job.mailer.send', job({ email: 'ada@example.org' }), 'verify_email to a…@example.org'],
  ['job.mailer.send', job({ user_id }), `verify_email to person ${user_id}`],
  ['job.mailer.send', { code: '424242' }, 'not a mail'],
  ['audit.x.y.allow', [{ org_id }, { org_id }], `2 audit events of organisation ${org_id}`],
  ['audit.x.y.allow', [{ org_id, arguments: 'secret' }], `1 audit event of organisation ${org_id}`],
  ['audit.x.y.allow', 'secret', 'not audit events'],
  ['evt.auth.userDeleted', { email: 'ada@example.org' }, 'a message of auth'],
] as const)('%s is summed up without secrets', ([subject, payload, summary]) => {
  const letter = shown(subject, payload)
  expect(letter.summary).toBe(summary)
  expect(JSON.stringify(letter)).not.toMatch(/424242|secret|ada@/)
})

test('a reason repeats no address', () => {
  expect(shown('x.y', {}, 'no ada@example.org here').reason).toBe('no …@… here')
})

test('a mail to a person is known by id or address, and no other is', () => {
  const person = { user_id, email: 'Ada@example.org' }
  expect(isMailTo(person, bytes(job({ user_id })))).toBe(true)
  expect(isMailTo(person, bytes(job({ email: 'ada@example.org' })))).toBe(true)
  expect(isMailTo(person, bytes(job({ user_id: randomUUID() })))).toBe(false)
  expect(isMailTo(person, bytes(job({ email: 'grace@example.org' })))).toBe(false)
  expect(isMailTo(person, new TextEncoder().encode('{'))).toBe(false)
})

test('a cursor of ours is read, anything else refused', () => {
  expect(decodePlace(encodePlace('older', 7))).toEqual({ older: 7 })
  expect(decodePlace(encodePlace('newer', 7))).toEqual({ newer: 7 })
  for (const text of ['', 'x', '7', Buffer.from('["older",-1]').toString('base64url')])
    expect(() => decodePlace(text)).toThrow('The cursor is not one of ours.')
})
