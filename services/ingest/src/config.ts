import { CLICKHOUSE_URL, NATS_CREDS, NATS_URL } from '@mcpshield/runtime/variables'
import { z } from 'zod'

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  CLICKHOUSE_URL,
  /** How long a decision can be read after it was received. */
  AUDIT_RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(30),
})
export type Config = z.infer<typeof Config>

/** Of the one-shot process that makes the tables. */
export const MigrateConfig = Config.pick({ CLICKHOUSE_URL: true })
