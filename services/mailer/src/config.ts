import { z } from 'zod'
import { DATABASE_URL, NATS_CREDS, NATS_URL } from '@mcpshield/runtime/variables'

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  DATABASE_URL,
  /** smtp://user:password@host:port, or smtps:// for TLS from the first byte. */
  SMTP_URL: z.url({ protocol: /^smtps?$/ }),
  /** Whom mails are from. A mail server of one's own wants an address that it may send for. */
  SMTP_FROM_NAME: z.string().max(100).default('MCPShield'),
  SMTP_FROM_EMAIL: z.email().default('noreply@mcpshield.localhost'),
  /** Longest time that the mail server may take for one mail. */
  SMTP_TIMEOUT_MS: z.coerce.number().int().min(1_000).max(600_000).default(60_000),
  /** Where people reach the dashboard: the settings that mails speak of. */
  WEB_URL: z.url({ protocol: /^https?$/ }).default('http://localhost:3000'),
})
export type Config = z.infer<typeof Config>

/** Of the one-shot process that makes the tables. */
export const MigrateConfig = Config.pick({ DATABASE_URL: true })
