import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tableCell } from './table-cell.ts'

const TABLES = '| a | b |\n| -: | - |\n| 1 | x |\n\n| a | c |\n| - | - |\n| 1 | y |\n| 2 | z |'

test('a cell is found by its row and its column, in whichever table has both', () => {
  expect(tableCell(TABLES, '1', 'b')).toBe('x')
  expect(tableCell(TABLES, '1', 'c')).toBe('y')
})

test('a cell that is not there is an error, not an empty figure', () => {
  expect(() => tableCell(TABLES, '2', 'b')).toThrow('no row “2”')
  expect(() => tableCell(TABLES, '3', 'c')).toThrow('no row “3”')
})

test('the figures of the landing page are in the document they are said to come from', () => {
  const performance = readFileSync(join(import.meta.dirname, '../../../../docs/performance.md'), 'utf8')
  for (const [row, column, unit] of [
    ['10,000', 'mcpshield', /^[\d.]+ µs$/],
    ['a revoked key is refused at the gateway', 'p50', /^[\d.]+ ms$/],
    ['10,000,000', 'p50', /^[\d.]+ ms$/],
    ['`npm start` from nothing to `ready`, demo included', 'figure', /^[\d–]+ s,/],
  ] as const)
    expect(tableCell(performance, row, column)).toMatch(unit)
})
