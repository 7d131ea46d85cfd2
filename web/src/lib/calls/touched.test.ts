import { expect, test } from 'vitest'
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { factsOf, touchedInWords } from './touched.ts'

const of = (record: object) =>
  touchedInWords({ kind: 'decision', reason: '', arguments: null, facts: null, ...record } as AuditRecord)
const access = (operation: unknown, resource: unknown) => ({
  connection: 'shop',
  operation,
  resource,
  fields: [],
  functions: [],
})
const none = { paths: [], urls: [], accesses: [] }

test.for([
  [{ facts: { ...none, accesses: [access('read', 'orders'), access('read', 'orders')] } }, 'read orders'],
  [{ facts: { ...none, accesses: [access('read', null)] } }, 'read nothing stored'],
  [{ facts: { ...none, accesses: [access({ unknown: 'x' }, { unknown: 'y' })] } }, 'something unknown'],
  [{ facts: { ...none, accesses: [access({ unknown: 'x' }, 'orders')] } }, 'unknown use of orders'],
  [{ facts: { ...none, accesses: [access('read', { unknown: 'x' })] } }, 'read something unknown'],
  [{ facts: { ...none, accesses: { unknown: 'x' } } }, 'something unknown'],
  [{ facts: { ...none, paths: ['/a', { unknown: 'x' }] } }, '/a, something unknown'],
  [
    { facts: { ...none, urls: [{ href: 'x', scheme: 'https', host: 'example.com', port: 443 }] } },
    'example.com',
  ],
  [{ facts: { ...none, paths: ['/a', '/b', '/c', '/d', '/e'] } }, '/a, /b, /c and 2 more'],
  [{ facts: none, arguments: { a: 1 } }, '{"a":1}'],
  [{ facts: null, arguments: {} }, ''],
  [{ kind: 'admin', reason: 'Saved a policy.' }, 'Saved a policy.'],
] as const)('%j is told as %s', ([record, words]) => {
  expect(of(record)).toBe(words)
})

test('a line is short and well-formed whatever the call held', () => {
  const line = of({ facts: { ...none, paths: ['/' + '😀'.repeat(200)] } })
  expect(line.length).toBeLessThanOrEqual(160)
  expect(line.isWellFormed()).toBe(true)
})

test('facts of another shape are none', () => {
  expect(factsOf({ facts: null })).toBeUndefined()
  expect(factsOf({ facts: [] })).toBeUndefined()
  expect(factsOf({ facts: { paths: [] } })).toBeUndefined()
})
