import { z } from 'zod'
import { EGRESS_FORM, isEgress } from '@mcpshield/oauth/egress-bound'
import { DATABASE_URL, hexKey, NATS_CREDS, NATS_URL } from '@mcpshield/runtime/variables'

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  DATABASE_URL,
  /** Seals the secrets of forwarders. */
  MASTER_KEY: hexKey,
  /** The master key before the present one: what it sealed is sealed anew at the start. */
  MASTER_KEY_PREVIOUS: hexKey.optional(),
  /** The server that SIEM credentials connect to, where it is not the product's own. */
  SIEM_NATS_URL: z.string().min(1).optional(),
  /** Where holders of credentials reach that server; they are told so. */
  SIEM_PUBLIC_URL: z.string().min(1).optional(),
  /** Hosts that forwarders may send to. */
  FORWARDER_EGRESS: z
    .string()
    .default('public')
    .refine(isEgress, { error: `must be ${EGRESS_FORM}` }),
})
export type Config = z.infer<typeof Config>

/** Of the one-shot process that makes the tables. */
export const MigrateConfig = Config.pick({ DATABASE_URL: true })
