import { z } from 'zod'
import { DATABASE_URL, hexKey, NATS_CREDS, NATS_URL, REDIS_URL } from '@mcpshield/runtime/variables'

const count = z.coerce.number().int().min(1)

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  DATABASE_URL,
  /** Sessions, codes and limits. */
  REDIS_URL,
  /** Seals private keys and authenticator secrets; mailed codes are derived from it. */
  MASTER_KEY: hexKey,
  /** The master key before the present one: it still opens what it sealed. */
  MASTER_KEY_PREVIOUS: hexKey.optional(),
  /** Tries to sign in per address of e-mail and of network, before the window has to pass. */
  LOGIN_RATE_LIMIT_ATTEMPTS: count.default(5),
  LOGIN_RATE_LIMIT_WINDOW_MINUTES: count.default(15),
  /** Digits of a mailed code. */
  OTP_LENGTH: count.min(6).max(10).default(6),
  /** How long a mailed code is good for. */
  OTP_EXPIRE_MINUTES: count.max(10).default(10),
  /** Wrong tries after which a mailed code is void. */
  OTP_MAX_ATTEMPTS: count.max(10).default(5),
  /** Codes that an address can be sent, before the window has to pass. A registration is one of them. */
  OTP_RATE_LIMIT_REQUESTS: count.default(3),
  OTP_RATE_LIMIT_WINDOW_MINUTES: count.default(5),
  JWT_ACCESS_TOKEN_EXPIRE_MINUTES: count.max(60).default(15),
  /** Longest life of a session with `remember_me`; without it a session ends after a day. */
  JWT_REFRESH_TOKEN_EXPIRE_DAYS: count.max(365).default(30),
  /** How long a key signs access tokens before the next one does. */
  JWT_SIGNING_KEY_DAYS: count.max(365).default(30),
})
export type Config = z.infer<typeof Config>

/** Of the one-shot process that makes the tables. */
export const MigrateConfig = Config.pick({ DATABASE_URL: true })
