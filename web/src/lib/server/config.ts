// What the web server is told by its environment.
import { z } from 'zod'
import { readConfig } from '@mcpshield/runtime/config'
import { HOST, port, REDIS_URL } from '@mcpshield/runtime/variables'

export const Config = z.object({
  HOST,
  /** Where the web server listens. */
  WEB_PORT: port(3000),
  /** Where people's browsers reach it: the one origin that forms may come from. */
  WEB_URL: z.url().default('http://localhost:3000'),
  /** Where clients reach the API: shown in instructions. */
  API_URL: z.url().default('http://localhost:8000'),
  /** Where the web server itself reaches the API; API_URL when absent. */
  INTERNAL_API_URL: z.url().optional(),
  /** Where agents reach the MCP gateway: shown in instructions. */
  MCP_URL: z.url().default('http://localhost:8100'),
  /** Where the mail of a local installation can be read; absent where a mail server sends it. */
  MAIL_URL: z.url().optional(),
  REDIS_URL,
  /** Digits of a mailed code, as `auth` is told. */
  OTP_LENGTH: z.coerce.number().int().min(6).max(10).default(6),
  /** Proxies whose X-Forwarded-For is believed, comma separated; nobody's when absent. */
  TRUST_PROXY: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((each) => each.trim() || [])),
})
export type Config = z.infer<typeof Config>

let read: Config | undefined

/** Read at the first request, so that a build needs no environment. */
export function config(): Config {
  return (read ??= readConfig(Config, process.env))
}

/** Where this server asks the API. */
export function apiUrl(): string {
  const { INTERNAL_API_URL, API_URL } = config()
  return INTERNAL_API_URL ?? API_URL
}
