import { z } from 'zod'
import { DATABASE_URL, hexKey, NATS_CREDS, NATS_URL, REDIS_URL } from '@mcpshield/runtime/variables'

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  DATABASE_URL,
  /** Sessions and limits. */
  REDIS_URL,
  /** Seals the private keys that sign access tokens. */
  MASTER_KEY: hexKey,
  /** The master key before the present one: it still opens what it sealed. */
  MASTER_KEY_PREVIOUS: hexKey.optional(),
  /** Tries to sign in per address of e-mail and of network, before the window has to pass. */
  LOGIN_RATE_LIMIT_ATTEMPTS: z.coerce.number().int().min(1).default(5),
  LOGIN_RATE_LIMIT_WINDOW_MINUTES: z.coerce.number().int().min(1).default(15),
  JWT_ACCESS_TOKEN_EXPIRE_MINUTES: z.coerce.number().int().min(1).max(60).default(15),
  /** Longest life of a session with `remember_me`; without it a session ends after a day. */
  JWT_REFRESH_TOKEN_EXPIRE_DAYS: z.coerce.number().int().min(1).max(365).default(30),
})
export type Config = z.infer<typeof Config>

/** Of the one-shot process that makes the tables. */
export const MigrateConfig = Config.pick({ DATABASE_URL: true })
