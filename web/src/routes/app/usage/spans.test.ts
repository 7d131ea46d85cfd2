import { expect, test } from 'vitest'
import { askedIn, auditsHref, fillOf, labelOf, spanOf } from './spans.ts'

const asked = (query: string) => {
  const params = new URLSearchParams(query)
  return askedIn((name) => params.get(name))
}

test('what is asked for is what is offered, else the usual', () => {
  expect(asked('')).toEqual({ days: 30, step: 'day', projectId: undefined })
  expect(asked('days=366')).toMatchObject({ days: 366, step: 'month' })
  expect(asked('days=90&step=day&project_id=p')).toEqual({ days: 90, step: 'day', projectId: 'p' })
  expect(asked('days=1000&step=hour&project_id=')).toEqual({ days: 30, step: 'day', projectId: undefined })
})

test.for([
  ['2026-11-27', 'day', '2026-11-27T00:00:00.000Z', '2026-11-28T00:00:00.000Z', '27 Nov'],
  ['2026-12-28', 'week', '2026-12-28T00:00:00.000Z', '2027-01-04T00:00:00.000Z', '28 Dec'],
  ['2026-12', 'month', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z', 'Dec 2026'],
] as const)('%s by %s is from %s to %s', ([key, step, from, to, label]) => {
  expect(spanOf(key, step)).toEqual({ from, to })
  expect(labelOf(key, step)).toBe(label)
})

test('the address of the calls has what is set only', () => {
  expect(auditsHref({ tool: 'a b', project_id: undefined })).toBe('/app/audits?tool=a+b')
})

test.for([
  [0, 100, 0, 'fine'],
  [79, 100, 79, 'fine'],
  [80, 100, 80, 'near'],
  [9_999, 10_000, 99, 'near'],
  [10_000, 10_000, 100, 'past'],
  [25_000, 10_000, 250, 'past'],
  [0, 0, 100, 'past'],
] as const)('%d of %d is %d percent: %s', ([used, limit, percent, state]) => {
  expect(fillOf(used, limit)).toEqual({ percent, state })
})
