import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scopeOf } from './scope.ts'

/** Who reads for nobody: storing, and what plans and deletions change. */
const ALLOWED = ['scope.ts', 'writing.ts', 'maintenance.ts']

test('no table of the record is named but where rows are scoped, stored or maintained', () => {
  const sources = readdirSync(import.meta.dirname).filter((name) => /^(?!.*\.test\.ts$).*\.ts$/.test(name))
  const naming = sources.filter((name) =>
    /audit_records|audit_results|usage_events/.test(readFileSync(join(import.meta.dirname, name), 'utf8')),
  )
  expect(sources.length).toBeGreaterThan(20)
  expect(naming.toSorted()).toEqual(ALLOWED.toSorted())
})

test('every part of a scope says whose rows, and the record how long they are kept', () => {
  const reader = { database: 'd', select: async <Row>() => [] as Row[] }
  const { records, results, usage } = scopeOf(reader, 'o', 30)
  for (const each of [records, results, usage]) expect(each).toMatch(/WHERE org_id = \{org:UUID\}/)
  for (const each of [records, results]) {
    expect(each).toContain('retain_until > now()')
    expect(each).toContain('{retention_days:UInt32}')
  }
  expect(scopeOf(reader, 'o', null).records).not.toContain('retention_days')
})

test('the organisation of a scope cannot be replaced by a query’s parameters', async () => {
  const asked: Record<string, unknown>[] = []
  const reader = {
    database: 'd',
    select: async <Row>(_query: string, parameters: Record<string, unknown>) => {
      asked.push(parameters)
      return [] as Row[]
    },
  }
  await scopeOf(reader, 'mine', 30).select('SELECT 1', { org: 'theirs', retention_days: 1e6 })
  expect(asked).toEqual([{ org: 'mine', retention_days: 30 }])
})
