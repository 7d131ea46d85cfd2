import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { masterSealer } from '@mcpshield/db/seal'

const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]

test('what was sealed opens in its own context, and neither elsewhere nor changed', () => {
  const { seal, open } = masterSealer(first)
  const sealed = seal('postgres://user:secret@host/db', 'connections/1')
  expect(sealed).not.toContain('secret')
  expect(open(sealed, 'connections/1').toString()).toBe('postgres://user:secret@host/db')
  expect(() => open(sealed, 'connections/2')).toThrow()
  const at = sealed.length - 10
  const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`
  expect(() => open(changed, 'connections/1')).toThrow()
  expect(() => open('', 'connections/1')).toThrow()
  expect(() => open(sealed.slice(0, 20), 'connections/1')).toThrow()
  expect(seal('same', 'a')).not.toBe(seal('same', 'a'))
})

test('after the master key was changed, the one before still opens and the new one seals', () => {
  const old = masterSealer(first).seal('text', 'a')
  const both = masterSealer(second, first)
  expect(both.open(old, 'a').toString()).toBe('text')
  expect(both.isCurrent(old)).toBe(false)
  expect(both.isCurrent(both.seal('text', 'a'))).toBe(true)
  expect(() => masterSealer(second).open(old, 'a')).toThrow(/not among those given/)
})
