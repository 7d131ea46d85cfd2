import { expect, test } from 'vitest'
import { DETECTORS as named } from '@mcpshield/policy/schema'
import { DETECTORS as known } from '@mcpshield/redact/find'

test('policies can name every detector there is, and no other', () => {
  expect([...named].sort()).toEqual([...known].sort())
})
