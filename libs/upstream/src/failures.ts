// Why a server gave no answer. The sentences name the upstream by its slug, never by its URL or its headers.
import { AppError } from '@mcpshield/contracts/errors'
import type { RpcError } from '@mcpshield/mcp/messages'

/** The server answered, but not as one of the tried era does. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** Of HTTP; null elsewhere. */
  readonly status: number | null
  readonly error: RpcError | undefined

  constructor(message: string, status: number | null, error?: RpcError, cause?: unknown) {
    super(message, { cause })
    this.status = status
    this.error = error
  }
}

/** The server knows the session no longer, so nothing was run: the request may be sent again in a new one. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost'
}

/** A longer timer would be over at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** `what` completes the sentence `The upstream x …`. */
export function unavailable(slug: string, what: string, cause?: unknown): AppError {
  return new AppError('UNAVAILABLE', `The upstream ${slug} ${what}.`, cause === undefined ? {} : { cause })
}

export function tooLate(slug: string, timeoutMs: number): AppError {
  return new AppError(
    'DEADLINE_EXCEEDED',
    `The upstream ${slug} did not answer within ${Math.round(timeoutMs)} ms.`,
  )
}

/** As what a failed handshake means: that the server is not of the tried era. */
export function asRefusal(error: unknown): unknown {
  return error instanceof AppError ? new Refusal(error.message, null, undefined, error) : error
}

export function clientGone(): AppError {
  return new AppError('UNAVAILABLE', 'The client went away.')
}

/** True when the answer is no longer wanted, though the server may still work on it. */
export function isGivenUp(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || (error instanceof AppError && error.code === 'DEADLINE_EXCEEDED')
}
