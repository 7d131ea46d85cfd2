import { expect, test } from 'vitest'
import type { Summary } from './letters.ts'
import { matches } from './query.ts'

const mail: Summary = {
  ID: '1',
  MessageID: 'm',
  Read: false,
  From: { Name: 'MCPShield', Address: 'noreply@example.org' },
  To: [{ Name: 'Ada', Address: 'ada@example.org' }],
  Subject: 'Your code',
  Created: '2026-01-01T00:00:00.000Z',
  Size: 1,
  Snippet: 'Your code: 424242',
}

test.for([
  ['', true],
  ['to:"ada@example.org"', true],
  ['to:ADA@example.org', true],
  ['to:"grace@example.org"', false],
  ['to:noreply', false],
  ['from:noreply', true],
  ['subject:code', true],
  ['subject:424242', false],
  ['424242', true],
  ['code 424242 to:ada', true],
  ['code 999999', false],
  ['"Your code"', true],
] as const)('%s finds it: %s', ([query, found]) => {
  expect(matches(mail, query)).toBe(found)
})
