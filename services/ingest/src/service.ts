// The use cases together.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import type { ingest } from '@mcpshield/contracts/ingest'
import { auditCountsService, type AuditCounts } from './audit-counts.ts'
import { auditsService, type RecordsOf } from './audits.ts'
import { exportService } from './export.ts'
import { healthOf, type Checks } from '@mcpshield/runtime/health'
import { reportingService, type ReportingDeps } from './reporting.ts'
import { simulationService, type SimulationDeps } from './simulate.ts'
import { usageService, type UsageDeps } from './usage.ts'

export type Dependencies = {
  recordsOf: RecordsOf
  countsOf: (orgId: string) => AuditCounts
  reporting: ReportingDeps
  usage: UsageDeps
  simulation: SimulationDeps
  checks: Checks
}

export function ingestService(deps: Dependencies): Handlers<typeof ingest.rpc, Call> {
  return {
    ...auditsService(deps.recordsOf),
    ...auditCountsService(deps.countsOf),
    ...exportService(deps.recordsOf),
    ...reportingService(deps.reporting),
    ...usageService(deps.usage),
    ...simulationService(deps.simulation),

    checkHealth: () => healthOf(deps.checks),
  }
}
