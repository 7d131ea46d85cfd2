import { expect, test } from 'vitest'
import { firstUnread } from './feed-runner.ts'

const at = (day: number) => new Date(Date.UTC(2026, 0, day))

test.for([
  ['a day before it was last read, where nothing waited', { unread: 0, last_read_at: at(20) }, at(19)],
  ['its making, where that was less than a day before', { unread: 0, last_read_at: at(1) }, at(1)],
  ['its making, where events waited: nothing says since when', { unread: 3, last_read_at: at(20) }, at(1)],
  ['its making, where nobody ever read', { unread: 0, last_read_at: null }, at(1)],
  ['its making, where nobody ever looked', { unread: null, last_read_at: null }, at(1)],
] as const)('a credential whose copy is lost is carried again since %s', ([, known, wanted]) => {
  expect(firstUnread({ created_at: at(1), ...known })).toEqual(wanted)
})
