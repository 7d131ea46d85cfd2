// MySQL's values as JSON: what does not fit a JSON number or text stays text, exactly as MySQL writes it.
import mysql, { type FieldPacket } from 'mysql2'
import { WITHHELD } from '@mcpshield/redact/marker'
import type { JsonValue } from '@mcpshield/policy/facts'

/** One value, as the driver gives it with strings for dates, decimals, JSON and integers beyond 2^53. */
export function toJson(value: unknown, field: FieldPacket, redacts: boolean): JsonValue {
  // Nobody can look for secrets in what is no text.
  if (Buffer.isBuffer(value)) return redacts ? WITHHELD : `base64:${value.toString('base64')}`
  if (typeof value === 'string' && isJson(field)) return parsedJson(value)
  if (typeof value === 'number' && field.columnType === mysql.Types.FLOAT) return shortest(value)
  return value as JsonValue
}

/** MariaDB's JSON is text of a format. */
function isJson(field: FieldPacket): boolean {
  return field.columnType === mysql.Types.JSON || field.extendedFormat === 'json'
}

/** JSON as the server stored it, without losing digits of a number that JavaScript cannot hold. */
function parsedJson(text: string): JsonValue {
  try {
    return JSON.parse(text, (_name, value: unknown, context?: { source?: string }) => {
      const isRounded = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
      return isRounded && context?.source !== undefined ? context.source : value
    }) as JsonValue
  } catch {
    return text
  }
}

/** The shortest decimal that is this number in four bytes: 1.1, not 1.100000023841858. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits))
    if (Math.fround(rounded) === value) return rounded
  }
  return value
}
