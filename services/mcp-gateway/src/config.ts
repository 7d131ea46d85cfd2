import { z } from 'zod'
import { EGRESS_FORM, isEgress } from '@mcpshield/oauth/egress-bound'
import { HOST, hexKey, NATS_CREDS, NATS_URL, port, REDIS_URL } from '@mcpshield/runtime/variables'
import { COMMANDS_FORM, isCommands } from './upstream-commands.ts'

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
  )

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  /** Rate limits. */
  REDIS_URL,
  /** Key of the arguments' digest in audit records; the same in every decision point. */
  AUDIT_DIGEST_KEY: hexKey,
  /** Signs session ids; the same in every instance of the gateway. */
  MCP_SESSION_KEY: hexKey,
  HOST,
  /** Port of the MCP endpoints. */
  MCP_PORT: port(8100),
  /** Where clients reach the MCP endpoints; http://localhost and the port when absent. Access tokens are made for it. */
  MCP_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** Host names, with port, that a request may name besides the loopback ones; comma separated. */
  MCP_ALLOWED_HOSTS: list,
  /** Origins of web pages that may call; comma separated, exact. */
  ALLOWED_ORIGINS: list,
  /** Largest request body, in bytes. */
  MCP_BODY_LIMIT_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(1024 * 1024),
  /** How long calls that run may take to end when the gateway is told to stop, in milliseconds. */
  MCP_DRAIN_MS: z.coerce.number().int().min(0).max(600_000).default(3_000),
  /** How long an upstream may take for one call, in milliseconds. */
  UPSTREAM_TIMEOUT_MS: z.coerce.number().int().positive().default(60_000),
  /** PATH that upstream processes are started with; they see nothing else of our environment. */
  UPSTREAM_PATH: z.string().default('/usr/local/bin:/usr/bin:/bin'),
  /** Hosts that upstreams, connections and token issuers of projects may be at; the same in the projects service. */
  UPSTREAM_EGRESS: z
    .string()
    .default('any')
    .refine(isEgress, { error: `must be ${EGRESS_FORM}` }),
  /** Programs that may be started as upstreams. */
  UPSTREAM_COMMANDS: z
    .string()
    .default('any')
    .refine(isCommands, { error: `must be ${COMMANDS_FORM}` }),
})
export type Config = z.infer<typeof Config>

/** Without a slash at its end. */
export function publicUrl({ MCP_URL, MCP_PORT }: Pick<Config, 'MCP_URL' | 'MCP_PORT'>): string {
  return (MCP_URL ?? `http://localhost:${MCP_PORT}`).replace(/\/+$/, '')
}
