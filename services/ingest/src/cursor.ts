// A place in the record, as text that means nothing to its holder.
import { decodeCursor, encodeCursor } from '@mcpshield/contracts/cursors'
import { Id } from '@mcpshield/contracts/values'
import { z } from 'zod'

/** `older` continues a list newest first; `newer` goes back. */
export type Direction = 'older' | 'newer'
export type Position = { direction: Direction; timeMs: number; id: string }

const Encoded = z.tuple([z.enum(['older', 'newer']), z.int().min(0).max(Date.UTC(2300, 0)), Id])

export function encodePosition({ direction, timeMs, id }: Position): string {
  return encodeCursor([direction, timeMs, id])
}

/** Throws INVALID_ARGUMENT for anything that `encodePosition` did not make. */
export function decodePosition(text: string): Position {
  const [direction, timeMs, id] = decodeCursor(Encoded, text)
  return { direction, timeMs, id }
}
