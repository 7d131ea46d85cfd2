import { expect, test } from 'vitest'
import { OAuthError } from '@modelcontextprotocol/client'
import { OAuthFailure, plain } from '../src/failures.ts'
import { asFailure } from '../src/sdk-errors.ts'

test('words of another server are shown without what a page or a terminal would act on', () => {
  expect(plain('all is <b>well</b>\u001b[31m "now"\\n & then\u202e')).toBe(
    'all is b well /b [31m now n & then',
  )
  expect(plain('x'.repeat(1_000))).toHaveLength(200)
  for (const none of [undefined, null, 7, {}, '\u0000']) expect(plain(none)).toBe('')
})

test('what cannot be told stays a failure that says no more than it has to', () => {
  const failure = asFailure(new Error('https://sso.example/?secret=s3cret'), 'Renewing the token')
  expect(failure).toMatchObject({ kind: 'unreachable', cause: expect.any(Error) as Error })
  expect(failure.message).toBe('Renewing the token did not work for now: the connection failed.')
  const known = new OAuthFailure('refused', 'No.')
  expect(asFailure(known, 'Anything')).toBe(known)
  expect(asFailure(new OAuthError('temporarily_unavailable', 'x'), 'It').kind).toBe('unreachable')
})
