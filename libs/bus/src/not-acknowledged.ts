// What a failure to store something in JetStream means for who asked.
import { AppError } from '@mcpshield/contracts/errors'

/** UNAVAILABLE: try again later. What the client itself refuses, such as a message too large to send, never gets better. */
export function notAcknowledged(message: string, cause: unknown): Error {
  if (cause instanceof Error && cause.name === 'InvalidArgumentError') return cause
  return new AppError('UNAVAILABLE', message, { cause })
}
