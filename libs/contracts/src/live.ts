// The record as it is written, for people who watch. It is an event stream, so it is no endpoint of the bus: the
// REST gateway follows the bus for it.
import { z } from 'zod'
import { AuditRecord } from './ingest.ts'
import { Id } from './values.ts'

export const live = {
  path: '/audits/live',
  summary: 'Decisions and what comes of them, as server-sent events, from now on',
  /** How often one caller may begin to follow in a minute. */
  perMinute: 60,
  query: z.strictObject({ project_id: Id.optional() }),
  /** The data of the events `decision` and `outcome`, which share an id. */
  event: AuditRecord,
} as const
