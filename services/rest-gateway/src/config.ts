import { z } from 'zod'
import { hexKey, HOST, NATS_CREDS, NATS_URL, port, REDIS_URL } from '@mcpshield/runtime/variables'

const list = (text: string) =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  REDIS_URL,
  HOST,
  /** HTTP port of the REST API. */
  API_PORT: port(8000),
  /** Where clients reach the API, as its OpenAPI document says; where they read it from, when absent. */
  API_URL: z.url().default('/'),
  /** Origins of web pages that may call, exact, comma separated. */
  ALLOWED_ORIGINS: z.string().default('http://localhost:3000').transform(list),
  /**
   * Addresses or networks of the proxies in front, comma separated (`loopback`, `10.0.0.0/8`): only from
   * them is X-Forwarded-For believed.
   */
  TRUST_PROXY: z
    .string()
    .default('')
    .transform(list)
    .refine((proxies) => !proxies.some((each) => /^(true|\*|0\.0\.0\.0\/0|::\/0)$/.test(each)), {
      error: 'must name the proxies: trusting everyone lets every client choose its address',
    }),
  /** Bearer token of who runs the installation, for /admin; nobody is let in there without it. */
  OPERATOR_TOKEN: hexKey.optional(),
})
export type Config = z.infer<typeof Config>
