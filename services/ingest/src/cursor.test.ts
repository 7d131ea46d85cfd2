import { describe, expect, test } from 'vitest'
import { decodePosition, encodePosition } from './cursor.ts'

const position = {
  direction: 'older' as const,
  timeMs: 1_780_000_000_123,
  id: '01890000-0000-7000-8000-000000000001',
}

describe('a cursor', () => {
  test('leads back to where it was made', () => {
    expect(decodePosition(encodePosition(position))).toEqual(position)
    expect(encodePosition(position)).toMatch(/^[\w-]+$/)
  })

  const make = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  test.for([
    ['empty', ''],
    ['not base64url', `${encodePosition(position)}=`],
    ['not JSON', Buffer.from('hello').toString('base64url')],
    ['of another shape', make({ timeMs: 1 })],
    ['of another direction', make(['sideways', 1, position.id])],
    ['of a time that is not whole', make(['older', 1.5, position.id])],
    ['of a time beyond the table', make(['older', 1e15, position.id])],
    ['of an id that is none', make(['older', 1, "x' OR 1=1"])],
    ['with something behind it', make(['older', 1, position.id, 1])],
  ])('that is %s is INVALID_ARGUMENT and names the field', ([, text]) => {
    expect(() => decodePosition(text!)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        details: { errors: [expect.objectContaining({ path: 'cursor' })] },
      }) as Error,
    )
  })
})
