import { expect, test } from 'vitest'
import { balance, textsIn, type Recorded } from './record.ts'

const told = (entries: [string, 'allowed' | 'denied'][]) => ({
  told: new Map(entries),
  unavailable: 0,
  wrong: [],
  outagesMs: [],
})
const isDenied = (text: string) => text.startsWith('bad')
const recorded = (entries: [string, 'allow' | 'deny', number?][]): Recorded =>
  new Map(entries.map(([text, decision, records = 1]) => [text, { decision, records }]))

test('what was told and recorded is neither lost nor wrong', () => {
  const ledger = told([
    ['good', 'allowed'],
    ['bad', 'denied'],
  ])
  const record = recorded([
    ['good', 'allow'],
    ['bad', 'deny'],
    ['told-nobody', 'allow'],
  ])
  expect(balance(ledger, new Set(['good', 'told-nobody']), isDenied, record)).toEqual({ lost: [], wrong: [] })
})

test('what was told, or has reached the upstream, and is not recorded is lost', () => {
  expect(balance(told([['good', 'allowed']]), new Set(), isDenied, recorded([])).lost).toHaveLength(1)
  expect(balance(told([]), new Set(['good']), isDenied, recorded([])).lost).toHaveLength(1)
})

test('what is denied and has reached the upstream is wrong, however it was told', () => {
  const record = recorded([['bad', 'deny']])
  expect(balance(told([['bad', 'denied']]), new Set(['bad']), isDenied, record).wrong).toHaveLength(1)
})

test('a record of something else than was told is wrong', () => {
  expect(
    balance(told([['good', 'allowed']]), new Set(), isDenied, recorded([['good', 'deny']])).wrong,
  ).toHaveLength(1)
  expect(
    balance(told([['bad', 'denied']]), new Set(), isDenied, recorded([['bad', 'allow']])).wrong,
  ).toHaveLength(1)
})

test('one call with two records is wrong', () => {
  const record = recorded([['good', 'allow', 2]])
  expect(balance(told([['good', 'allowed']]), new Set(), isDenied, record).wrong).toHaveLength(1)
})

test('texts are found wherever they stand, and those of another load are not', () => {
  expect(textsIn('{"a":"f1x2x3x","b":"select \'f1x2x4x\'","c":"f2x2x3x"}', 'f1')).toEqual([
    'f1x2x3x',
    'f1x2x4x',
  ])
})
