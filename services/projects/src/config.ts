import { z } from 'zod'
import { EGRESS_FORM, isEgress } from '@mcpshield/oauth/egress-bound'
import { DATABASE_URL, hexKey, NATS_CREDS, NATS_URL } from '@mcpshield/runtime/variables'

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  DATABASE_URL,
  /** Wraps each organisation's key, under which the secrets of its systems are sealed. */
  MASTER_KEY: hexKey,
  /** The master key before the present one: it still opens what it wrapped, until that is wrapped anew at the start. */
  MASTER_KEY_PREVIOUS: hexKey.optional(),
  /** Where clients reach the API: authorisation servers of upstreams send people back there. */
  API_URL: z
    .url({ protocol: /^https?$/ })
    .default('http://localhost:8000')
    .transform((url) => url.replace(/\/+$/, '')),
  /** Where people reach the dashboard: links in mails lead there. */
  WEB_URL: z
    .url({ protocol: /^https?$/ })
    .default('http://localhost:3000')
    .transform((url) => url.replace(/\/+$/, '')),
  /** Hosts that upstreams and their authorisation servers may be at; the same in the gateway. */
  UPSTREAM_EGRESS: z
    .string()
    .default('any')
    .refine(isEgress, { error: `must be ${EGRESS_FORM}` }),
})
export type Config = z.infer<typeof Config>

/** Of the one-shot process that makes the tables. */
export const MigrateConfig = Config.pick({ DATABASE_URL: true })
