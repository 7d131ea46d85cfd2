// What the one-shot jobs are told. Each may be given as NAME_FILE.
import { CLICKHOUSE_URL, NATS_CREDS, NATS_URL } from '@mcpshield/runtime/variables'
import { z } from 'zod'

/** postgres:// URL of a superuser, on the maintenance database. */
const DATABASE_ADMIN_URL = z.url({ protocol: /^postgres(ql)?$/ })

export const PrepareConfig = z.object({
  DATABASE_ADMIN_URL,
  /** JSON: the password of each service's role. */
  POSTGRES_ROLES: z.string().transform((text, context) => {
    const roles = z.record(z.string().regex(/^[a-z][a-z-]*$/), z.string().min(20)).safeParse(asJson(text))
    if (roles.success) return roles.data
    context.addIssue({ code: 'custom', message: 'must be a JSON object of passwords by service' })
    return z.NEVER
  }),
  NATS_URL,
  /** Of `provision`. */
  NATS_CREDS,
  /** On how many servers of a cluster each stream is kept. */
  NATS_REPLICAS: z.coerce.number().int().min(1).max(5).default(1),
})

/** The stores of an installation, for backing up and restoring. */
export const StoresConfig = z.object({
  DATABASE_ADMIN_URL,
  NATS_URL,
  /** Of `backup`. */
  NATS_CREDS,
  CLICKHOUSE_URL,
  /** Of a user who may read and write every key. */
  REDIS_ADMIN_URL: z.url({ protocol: /^rediss?$/ }),
  /** Folder of the secrets, which are backed up with the rest; absent where somebody else keeps them. */
  SECRETS_DIR: z.string().optional(),
})
export type StoresConfig = z.infer<typeof StoresConfig>

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
