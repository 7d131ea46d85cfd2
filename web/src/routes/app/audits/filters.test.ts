import { describe, expect, test } from 'vitest'
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { apiFilters, isAmong, matchesGlob, queryOf, readFilters } from './filters.ts'

const read = (query: string, timeZone = 'UTC') => {
  const params = new URLSearchParams(query)
  return readFilters((name) => params.get(name), timeZone)
}

describe('filters of a URL', () => {
  test('are what is set, and the same filters are the same address', () => {
    const { filters, errors } = read('tool=&rule=%20r%20&decision=deny&q=hr.&last=24h&unknown=1')
    expect({ filters, errors }).toEqual({
      filters: { rule: 'r', decision: 'deny', q: 'hr.', last: '24h' },
      errors: {},
    })
    expect(read(queryOf(filters).slice(1)).filters).toEqual(filters)
    expect(queryOf({})).toBe('')
  })

  test('take a moment with a zone as it is, and one of a form by the reader’s clock', () => {
    expect(read('from=2026-11-27T10:00:00%2B02:00').filters.from).toBe('2026-11-27T08:00:00.000Z')
    expect(read('from=2026-11-27T10:00', 'Europe/Berlin').filters.from).toBe('2026-11-27T09:00:00.000Z')
  })

  test('say what cannot be read instead of leaving it out', () => {
    const { filters, errors } = read('decision=maybe&from=yesterday&to=2026-02-31T10:00')
    expect(filters).toEqual({})
    expect(Object.keys(errors).sort()).toEqual(['decision', 'from', 'to'])
  })

  test('prefer a named moment to a span', () => {
    expect(read('last=24h&from=2026-11-27T10:00:00Z').filters).toEqual({ from: '2026-11-27T10:00:00.000Z' })
  })

  test('ask the API from then on for a span', () => {
    const nowMs = Date.parse('2026-11-27T10:00:00Z')
    expect(apiFilters({ last: '1h', tool: 'a' }, nowMs)).toEqual({
      tool: 'a',
      from: '2026-11-27T09:00:00.000Z',
    })
  })
})

describe('a record that has just come', () => {
  const record = {
    time: '2026-11-27T10:00:00.000Z',
    project_id: 'p',
    decision: 'deny',
    tool: 'postgres.query',
    rule: 'no-salaries',
    reason: 'A read of hr.salaries is denied.',
    agent: 'night-agent',
    arguments: { sql: 'select "Ä" from hr.salaries' },
    facts: null,
  } as unknown as AuditRecord

  test.for([
    [{}, true],
    [{ decision: 'deny' }, true],
    [{ decision: 'allow' }, false],
    [{ project_id: 'p' }, true],
    [{ project_id: 'q' }, false],
    [{ tool: 'postgres.*' }, true],
    [{ tool: 'postgres' }, false],
    [{ rule: 'no-*' }, true],
    [{ rule: 'no_salaries' }, false],
    [{ agent: 'night-agent' }, true],
    [{ agent: 'night-*' }, false],
    [{ q: 'HR.SALARIES' }, true],
    [{ q: 'select "ä"' }, true],
    [{ q: 'customers' }, false],
    [{ from: '2026-11-27T10:00:00.000Z' }, true],
    [{ to: '2026-11-27T10:00:00.000Z' }, false],
  ] as const)('is among %j: %s', ([filters, among]) => {
    expect(isAmong(record, filters)).toBe(among)
  })
})

test.for([
  ['a*c', 'abc', true],
  ['a*c', 'ac', true],
  ['a*ca', 'aca', true],
  ['a*a', 'a', false],
  ['*', '', true],
  ['a.c', 'abc', false],
  ['*b*', 'abc', true],
  ['*b*d', 'abcd', true],
  ['*b*d', 'abcdx', false],
] as const)('glob %s and %s: %s', ([glob, text, matches]) => {
  expect(matchesGlob(glob, text)).toBe(matches)
})
