import { expect, test } from 'vitest'
import { sessionIds } from '../src/session-id.ts'

const ids = sessionIds('01'.repeat(32))
const terms = {
  version: '2025-11-25',
  info: { name: 'claude', version: '1' },
  capabilities: { elicitation: {}, roots: { listChanged: true } },
}

test('an id carries what was agreed, for whom it was made', () => {
  expect(ids.read(ids.mint('key-a', terms), 'key-a')).toEqual(terms)
})

test('an id of another, guessed, changed or signed elsewhere is not known', () => {
  const id = ids.mint('key-a', terms)
  const [payload] = id.split('.')
  const elsewhere = sessionIds('02'.repeat(32)).mint('key-a', terms)
  expect(ids.read(id, 'key-b')).toBeUndefined()
  for (const other of [
    'guessed',
    '00000000-0000-4000-8000-000000000000',
    `${id}x`,
    `x${id}`,
    `${payload}.`,
    `${id}.x`,
    elsewhere,
    'x'.repeat(100_000),
  ])
    expect(ids.read(other, 'key-a'), other.slice(0, 60)).toBeUndefined()
})

test('ids are never twice the same, and visible ASCII', () => {
  const made = Array.from({ length: 1_000 }, () => ids.mint('key-a', terms))
  expect(new Set(made).size).toBe(1_000)
  for (const id of made) expect(id).toMatch(/^[\x21-\x7e]+$/)
})

test('however much a client says of itself, its id fits into a header, with its name and what matters', () => {
  const long = 'x'.repeat(50_000)
  const id = ids.mint('key-a', {
    version: '2025-11-25',
    info: { name: `claude${long}`, version: '1', title: long },
    capabilities: { experimental: { long }, elicitation: { form: {} }, sampling: {}, other: { long } },
  })
  expect(id.length).toBeLessThan(3_000)
  expect(ids.read(id, 'key-a')).toEqual({
    version: '2025-11-25',
    info: { name: expect.stringMatching(/^claudex+$/), version: '1' },
    capabilities: { elicitation: { form: {} }, sampling: {} },
  })
})
