import { expect, test } from 'vitest'
import { rowsNotIn, type AuditRow } from './rows.ts'

const rows = (...ids: string[]) => ids.map((id) => ({ id }) as AuditRow)

test('a row that came by the stream and by a read is there once, and none that is known comes again', () => {
  expect(rowsNotIn([rows('a'), rows('b')], rows('d', 'c', 'b', 'd', 'a'))).toEqual(rows('d', 'c'))
})
