import { expect, test } from 'vitest'
import { isCurrent } from './etags.ts'

test.for([
  ['"3"', true],
  ['3', true],
  ['*', true],
  ['"1", "3"', true],
  ['"4"', false],
  ['"33"', false],
  ['W/"3"', false],
  ['', false],
  ['"3', false],
] as const)('If-Match %s of version 3: %s', ([ifMatch, wanted]) => {
  expect(isCurrent(ifMatch, 3)).toBe(wanted)
})
