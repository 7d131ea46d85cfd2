import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalOf, wireName } from '../src/names.ts'

describe('names on the wire', () => {
  test.for([
    ['github/create_issue', 'github__create_issue'],
    ['postgres.query', 'postgres__query'],
    ['my-files/read_text_file', 'my-files__read_text_file'],
    ['a/b__c', 'a__b__c'],
  ] as const)('%s is %s, and back', ([canonical, wire]) => {
    expect(wireName(canonical)).toBe(wire)
    expect(canonicalOf(wire)).toBe(canonical)
  })

  test.for(['git/tool.with.dots', `git/${'x'.repeat(80)}`, 'git/a/b', 'git/ünïcode', 'git/a b'])(
    '%s gets a stable hash and a name every client takes',
    (canonical) => {
      expect(wireName(canonical)).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
      expect(wireName(canonical)).toMatch(/_[0-9a-f]{8}$/)
      expect(wireName(canonical)).toBe(wireName(canonical))
    },
  )

  test('an upstream cannot pass for a connector', () => {
    expect(canonicalOf('postgres__query')).toBe('postgres.query')
    expect(wireName('postgres/query')).not.toBe('postgres__query')
  })

  test('a name of no known form stands for itself', () => {
    for (const name of ['query', 'UPPER__x', '__x', 'x__', '', 'a_b']) expect(canonicalOf(name)).toBe(name)
  })

  test('no two canonical names share a wire name', () => {
    const canonical = fc.tuple(
      fc.stringMatching(/^[a-z0-9-]{1,24}$/),
      fc.string({ minLength: 1, maxLength: 90 }),
    )
    fc.assert(
      fc.property(canonical, canonical, ([slugA, nameA], [slugB, nameB]) => {
        const [left, right] = [`${slugA}/${nameA}`, `${slugB}/${nameB}`]
        expect(wireName(left) === wireName(right)).toBe(left === right)
      }),
    )
  })

  test('what a plain wire name means is what it was made from', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z0-9-]{1,24}$/),
        fc.string({ minLength: 1, maxLength: 90 }),
        (slug, name) => {
          const wire = wireName(`${slug}/${name}`)
          if (!/_[0-9a-f]{8}$/.test(wire)) expect(canonicalOf(wire)).toBe(`${slug}/${name}`)
        },
      ),
    )
  })
})
