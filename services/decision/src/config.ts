import { z } from 'zod'
import { HOST, hexKey, NATS_CREDS, NATS_URL, port, REDIS_URL } from '@mcpshield/runtime/variables'

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  /** Rate limits. */
  REDIS_URL,
  /** Key of the arguments' digest in audit records; the same in every decision point. */
  AUDIT_DIGEST_KEY: hexKey,
  HOST,
  /** HTTP port of `POST /policy/evaluate`. */
  DECISION_PORT: port(8200),
})
export type Config = z.infer<typeof Config>
