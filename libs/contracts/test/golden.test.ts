// The surface that others rely on. A change here is a red test and a readable diff; `npm run golden`
// rewrites the files, and the diff is then for a person to approve.
import { describe, expect, test } from 'vitest'
import { ERRORS } from '../src/errors.ts'
import { flowDocument, messages } from '../src/surface.ts'

test('messages', async () => {
  await expect(`${JSON.stringify(messages(), null, 2)}\n`).toMatchFileSnapshot('../golden/messages.json')
})

test('flow', async () => {
  await expect(flowDocument()).toMatchFileSnapshot('../golden/flow.md')
})

describe('error codes', () => {
  test('are a closed set with these statuses', () => {
    expect(Object.fromEntries(Object.entries(ERRORS).map(([code, { status }]) => [code, status]))).toEqual({
      INVALID_ARGUMENT: 400,
      UNAUTHENTICATED: 401,
      QUOTA_EXCEEDED: 402,
      PERMISSION_DENIED: 403,
      NOT_FOUND: 404,
      CONFLICT: 409,
      EXPIRED: 410,
      STALE: 412,
      POLICY_INVALID: 422,
      PRECONDITION_REQUIRED: 428,
      RATE_LIMITED: 429,
      INTERNAL: 500,
      UNAVAILABLE: 503,
      DEADLINE_EXCEEDED: 504,
    })
  })
})
