// Reading the record.
import { z } from 'zod'
import { AuditEvent } from './audit.ts'
import { DecisionName } from './decision.ts'
import { contract, rpc } from './define.ts'
import { Empty, Health, Id, Page, Time, pageOf } from './values.ts'

export const AuditRecord = AuditEvent.omit({ phase: true })
export type AuditRecord = z.infer<typeof AuditRecord>

export const ingest = contract('ingest', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    listAudits: rpc({
      input: z.strictObject({
        ...Page,
        from: Time.optional(),
        to: Time.optional(),
        decision: DecisionName.optional(),
        project_id: Id.optional(),
        tool: z.string().max(200).optional(),
        rule: z.string().max(200).optional(),
        agent: z.string().max(200).optional(),
        q: z.string().max(200).optional(),
      }),
      output: pageOf(AuditRecord),
      errors: ['UNAUTHENTICATED', 'INVALID_ARGUMENT', 'UNAVAILABLE'],
      access: 'user',
      http: { method: 'GET', path: '/audits', summary: 'Decisions and what came of them, newest first' },
      timeoutMs: 15_000,
    }),
    getAudit: rpc({
      input: z.strictObject({ id: Id }),
      output: AuditRecord,
      errors: ['UNAUTHENTICATED', 'NOT_FOUND', 'UNAVAILABLE'],
      access: 'user',
      http: { method: 'GET', path: '/audits/{id}', summary: 'One decision with its facts' },
      timeoutMs: 15_000,
    }),
  },
})
