import { CLICKHOUSE_URL, NATS_CREDS, NATS_URL, REDIS_URL } from '@mcpshield/runtime/variables'
import { z } from 'zod'

export const Config = z.object({ NATS_URL, NATS_CREDS, CLICKHOUSE_URL, REDIS_URL })
export type Config = z.infer<typeof Config>

/** Of the one-shot process that makes the tables. */
export const MigrateConfig = Config.pick({ CLICKHOUSE_URL: true })
