import { expect, test } from 'vitest'
import { likePattern, selectDecisions, type AuditFilter } from './queries.ts'
import { scopeOf } from './scope.ts'

test.for([
  ['github/create_issue', 'github/create\\_issue'],
  ['github/*', 'github/%'],
  ['*delete*', '%delete%'],
  ['100%', '100\\%'],
  ['a\\b', 'a\\\\b'],
  ['***', '%'],
])('in the glob %j only the star is special', ([glob, pattern]) => {
  expect(likePattern(glob!)).toBe(pattern)
})

test('no value of a filter gets into the text of a statement', async () => {
  const asked: { query: string; parameters: Record<string, unknown> }[] = []
  const evil = "x'; DROP TABLE audit_decisions --"
  const filter: AuditFilter = { tool: evil, rule: evil, agent: evil, q: evil }
  const reader = {
    database: 'd',
    select: async <Row>(query: string, parameters: Record<string, unknown>) => {
      asked.push({ query, parameters })
      return [] as Row[]
    },
  }
  await selectDecisions(scopeOf(reader, evil, 30), filter, { direction: 'older', timeMs: 1, id: evil }, 10)
  expect(asked[0]!.query).not.toContain('DROP')
  expect(Object.values(asked[0]!.parameters).filter((value) => String(value).includes('DROP'))).toHaveLength(
    7,
  )
})
