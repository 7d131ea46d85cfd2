// How many calls the filters of the record find, and of what: the numbers behind overviews, each of which its list is of.
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import type { ingest } from '@mcpshield/contracts/ingest'
import { signedIn } from '@mcpshield/contracts/rights'
import { isoTime, type CountBy, type CountRow } from './audit-count-queries.ts'
import type { AuditFilter } from './queries.ts'
import { NO_COUNTS, type Counts } from './usage-queries.ts'

/** One organisation's sums. */
export type AuditCounts = {
  total(filter: AuditFilter): Promise<Counts | undefined>
  by(filter: AuditFilter, by: CountBy, limit: number): Promise<CountRow[]>
}

export function auditCountsService(
  countsOf: (orgId: string) => AuditCounts,
): Pick<Handlers<typeof ingest.rpc, Call>, 'countAudits'> {
  return {
    async countAudits({ group_by, limit, ...filter }, { caller }) {
      const counts = countsOf(signedIn(caller).org_id)
      const [total, found] = await Promise.all([counts.total(filter), counts.by(filter, group_by, limit)])
      return {
        group_by,
        total: total ?? NO_COUNTS,
        items: found.map(({ last, said, ...row }) => ({
          ...row,
          last: isoTime(last),
          reason: group_by === 'rule' ? said : null,
        })),
      }
    },
  }
}
