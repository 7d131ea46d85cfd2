// How much a project may hold: what is told of one project is one message, which has to stay one that can be sent.
import { AppError } from '@mcpshield/contracts/errors'

/** Throws CONFLICT when there are as many as there may be. */
export function requireRoom(count: number, max: number, what: string): void {
  if (count < max) return
  throw new AppError('CONFLICT', `A project has up to ${max} ${what}: remove one that is not needed.`)
}

/**
 * Whether a value takes more bytes than that as JSON. It is not written out to see: a YAML alias makes one long text
 * stand in a thousand places.
 */
export function takesMoreThan(maxBytes: number, value: unknown): boolean {
  let left = maxBytes
  const take = (bytes: number) => (left -= bytes) >= 0
  const fits = (each: unknown): boolean => {
    if (typeof each !== 'object' || each === null) return take(Buffer.byteLength(JSON.stringify(each) ?? ''))
    const members = Object.entries(each)
    // Brackets and commas.
    if (!take(1 + Math.max(members.length, 1))) return false
    if (Array.isArray(each)) return members.every(([, member]) => fits(member))
    // With the colons.
    return take(members.length) && members.every(([name, member]) => fits(name) && fits(member))
  }
  return !fits(value)
}
