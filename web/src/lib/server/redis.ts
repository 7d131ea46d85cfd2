import { Redis } from 'ioredis'
import { config } from './config.ts'

let connection: Redis | undefined

/** One connection for the process; a store that is down fails a request at once rather than keeping it waiting. */
export function redis(): Redis {
  if (connection !== undefined) return connection
  connection = new Redis(config().REDIS_URL, { maxRetriesPerRequest: 1, commandTimeout: 2_000 })
  // Each command that fails says so itself.
  connection.on('error', () => undefined)
  return connection
}
