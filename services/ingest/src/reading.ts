// What each organisation may read, and nothing else: the questions of queries.ts and usage-queries.ts within its scope.
import { selectAuditCounts, selectAuditTotal } from './audit-count-queries.ts'
import type { AuditCounts } from './audit-counts.ts'
import type { Records } from './audits.ts'
import type { ClickHouse } from './clickhouse.ts'
import type { Plans } from './entitlements.ts'
import { monthSpan } from './months.ts'
import { selectDecision, selectDecisions, selectNamedDecisions, selectOutcomes } from './queries.ts'
import { scopeOf } from './scope.ts'
import { selectCalls } from './simulate-queries.ts'
import type { Calls } from './simulate.ts'
import { selectCount, selectCounted, selectTotal, selectUsage } from './usage-queries.ts'
import type { Usage } from './usage.ts'

export type Reading = {
  recordsOf(orgId: string): Records
  countsOf(orgId: string): AuditCounts
  usageOf(orgId: string): Usage
  callsOf(orgId: string): Calls
  /** Events of a month. */
  storedCount(orgId: string, month: number): Promise<number>
  /** Which of these ids have counted in a project. */
  countedBefore(orgId: string, projectId: string, ids: string[]): Promise<Set<string>>
}

export function reading(store: ClickHouse, { limitsOf }: Pick<Plans, 'limitsOf'>): Reading {
  const scope = (orgId: string) => scopeOf(store, orgId, limitsOf(orgId).audit_retention_days)
  return {
    recordsOf(orgId) {
      const mine = scope(orgId)
      return {
        decisions: (filter, position, limit) => selectDecisions(mine, filter, position, limit),
        decision: (id) => selectDecision(mine, id),
        outcomes: (decisions) => selectOutcomes(mine, decisions),
        named: (reports) => selectNamedDecisions(mine, reports),
      }
    },
    countsOf(orgId) {
      const mine = scope(orgId)
      return {
        total: (filter) => selectAuditTotal(mine, filter),
        by: (filter, by, limit) => selectAuditCounts(mine, filter, by, limit),
      }
    },
    usageOf(orgId) {
      const mine = scope(orgId)
      return {
        total: (span, projectId) => selectTotal(mine, span, projectId),
        by: (span, group, narrowed) => selectUsage(mine, span, group, narrowed),
      }
    },
    callsOf(orgId) {
      const mine = scope(orgId)
      return (span, after) => selectCalls(mine, span, after)
    },
    storedCount: (orgId, month) => selectCount(scope(orgId), monthSpan(month)),
    countedBefore: (orgId, projectId, ids) => selectCounted(scope(orgId), projectId, ids),
  }
}
