import { expect, test } from 'vitest'
import { endOfDay } from '#lib/last-day.ts'
import { labelsIn, stateOf, upstreamsIn } from './key-form.ts'

test('labels are separated by commas, each once, without what surrounds them', () => {
  expect(labelsIn(' ci, team a ,,ci')).toEqual(['ci', 'team a'])
  expect(labelsIn('')).toEqual([])
  expect(labelsIn(undefined)).toEqual([])
})

test('a key lives to the end of its last day', () => {
  expect(endOfDay('2026-12-31')).toBe('2026-12-31T23:59:59.000Z')
  expect(endOfDay('')).toBeNull()
})

test('only who chose to narrow a key has narrowed it', () => {
  const form = new FormData()
  form.append('upstream', 'github')
  expect(upstreamsIn(form)).toBeNull()
  form.set('reach', 'some')
  expect(upstreamsIn(form)).toEqual(['github'])
  form.delete('upstream')
  expect(upstreamsIn(form)).toEqual([])
})

test('a revoked key is revoked whatever else it is, and an expired one is not called killed', () => {
  const now = Date.parse('2026-11-27T00:00:00Z')
  const key = { revoked_at: null, killed: false, expires_at: null }
  expect(stateOf(key, now)).toBe('live')
  expect(stateOf({ ...key, killed: true }, now)).toBe('killed')
  expect(stateOf({ ...key, killed: true, expires_at: '2026-11-26T23:59:59.000Z' }, now)).toBe('expired')
  expect(stateOf({ ...key, expires_at: '2026-11-27T00:00:01.000Z' }, now)).toBe('live')
  expect(stateOf({ revoked_at: '2026-01-01T00:00:00Z', killed: true, expires_at: null }, now)).toBe('revoked')
})
