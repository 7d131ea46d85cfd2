// JSON lines on standard output. Arguments of calls, tokens, addresses and policies never get into a log.
import { pino, type Logger } from 'pino'

export type Log = Logger

/** Fields that are never written, wherever they stand in a log object's first three levels. */
export const REDACTED = [
  'password',
  'new_password',
  'token',
  'access_token',
  'refresh_token',
  'api_key',
  'authorization',
  'cookie',
  'email',
  'arguments',
  'policy_yaml',
  'secret',
] as const

const paths = REDACTED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

export function createLog(service: string, options: { level?: string } = {}): Log {
  return pino({
    level: options.level ?? 'info',
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: [...paths, 'headers["x-api-key"]', '*.headers["x-api-key"]'], censor: '[redacted]' },
    serializers: { err: pino.stdSerializers.err },
  })
}
