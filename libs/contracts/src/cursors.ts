// Cursors: a place in a list, as text that means nothing to its holder.
import type { z } from 'zod'
import { AppError } from './errors.ts'

export function encodeCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

/** The place; throws INVALID_ARGUMENT for anything that `encodeCursor` did not make of such a place. */
export function decodeCursor<S extends z.ZodType>(place: S, text: string): z.output<S> {
  try {
    const decoded = place.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
    if (encodeCursor(decoded) === text) return decoded
  } catch {
    // Told below, the same for every way of being wrong.
  }
  throw new AppError('INVALID_ARGUMENT', 'The cursor is not one of ours.', {
    errors: [
      { path: 'cursor', message: 'Leave it out, or use next_cursor or prev_cursor as they were given.' },
    ],
  })
}
