import { describe, expect, test } from 'vitest'
import { countsInWords, labelStep, stackOf } from './stacks.ts'

describe('a stack', () => {
  test('has each part where the one below it ends, and the sum as its height', () => {
    expect(stackOf({ label: 'a', allow: 3, deny: 2, ask: 1 })).toEqual({
      parts: [
        { decision: 'allow', from: 0, to: 3 },
        { decision: 'ask', from: 3, to: 4 },
        { decision: 'deny', from: 4, to: 6 },
      ],
      total: 6,
    })
  })

  test('has no part of what did not happen', () => {
    expect(stackOf({ label: 'a', allow: 0, deny: 2, ask: 0 }).parts).toEqual([
      { decision: 'deny', from: 0, to: 2 },
    ])
    expect(stackOf({ label: 'a', allow: 0, deny: 0, ask: 0 })).toEqual({ parts: [], total: 0 })
  })

  test('is told in words', () => {
    expect(countsInWords({ label: 'a', allow: 3, deny: 2, ask: 0 })).toBe('3 allowed, 0 held, 2 denied')
  })
})

test.for([
  [1, 6, 1],
  [6, 6, 1],
  [7, 6, 2],
  [90, 6, 15],
  [0, 6, 1],
] as const)('%d bars with at most %d labels have one every %d', ([bars, most, step]) => {
  expect(labelStep(bars, most)).toBe(step)
})
