import { z } from 'zod'
import { hexKey, NATS_CREDS, NATS_URL } from '@mcpshield/runtime/variables'

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  /** The server that SIEM credentials connect to, where it is not the product's own. */
  SIEM_NATS_URL: z.string().min(1).optional(),
  /** Content of a .creds file of that server's system account, which may tell it of accounts. */
  NATS_SYSTEM_CREDS: z.string().min(1).optional(),
  /** Seed of a signing key of that server's operator. */
  NATS_OPERATOR_SEED: z.string().min(1).optional(),
  /** The accounts' keys are made from it, and from nothing else. */
  SIEM_ACCOUNTS_KEY: hexKey.optional(),
})
export type Config = z.infer<typeof Config>
