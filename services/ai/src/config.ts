import { z } from 'zod'
import { DATABASE_URL, NATS_CREDS, NATS_URL, REDIS_URL } from '@mcpshield/runtime/variables'

export const Config = z.object({
  NATS_URL,
  NATS_CREDS,
  DATABASE_URL,
  REDIS_URL,
  /** Where Ollama answers: http://host:11434. Without it the built-in templates do. */
  OLLAMA_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** The model that is asked there, as `ollama list` calls it. */
  AI_MODEL: z.string().min(1).max(200).default('phi3:mini'),
  /** Longest time that the model may take for one answer, the time to load it included. */
  AI_TIMEOUT_MS: z.coerce.number().int().min(1_000).max(600_000).default(120_000),
  /** Tokens that the model is given to read and write in; more takes more memory there. Fewer would not hold our instructions and an answer. */
  AI_CONTEXT_TOKENS: z.coerce.number().int().min(4_096).max(131_072).default(8_192),
})
export type Config = z.infer<typeof Config>

/** Of the one-shot process that makes the tables. */
export const MigrateConfig = Config.pick({ DATABASE_URL: true })
