// A place in the record, as text that means nothing to its holder.
import { AppError } from '@mcpshield/contracts/errors'
import { Id } from '@mcpshield/contracts/values'
import { z } from 'zod'

/** `older` continues a list newest first; `newer` goes back. */
export type Direction = 'older' | 'newer'
export type Position = { direction: Direction; timeMs: number; id: string }

const Encoded = z.tuple([z.enum(['older', 'newer']), z.int().min(0).max(Date.UTC(2300, 0)), Id])

export function encodeCursor({ direction, timeMs, id }: Position): string {
  return Buffer.from(JSON.stringify([direction, timeMs, id])).toString('base64url')
}

/** Throws INVALID_ARGUMENT for anything that `encodeCursor` did not make. */
export function decodeCursor(text: string): Position {
  try {
    const [direction, timeMs, id] = Encoded.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
    const position = { direction, timeMs, id }
    if (encodeCursor(position) === text) return position
  } catch {
    // Told below, the same for every way of being wrong.
  }
  throw new AppError('INVALID_ARGUMENT', 'The cursor is not one of ours.', {
    errors: [
      { path: 'cursor', message: 'Leave it out, or use next_cursor or prev_cursor as they were given.' },
    ],
  })
}
