// BSON as relaxed extended JSON, which the tools understand when it comes back as an argument.
import { BSON } from 'mongodb'
import { WITHHELD } from '@mcpshield/redact/marker'
import type { JsonValue } from '@mcpshield/policy/facts'
import { isDocument } from './mongodb-wall.ts'

const UUID_BYTES = 16

/** One value. Integers beyond 2^53 keep their digits; with `redacts`, bytes nobody can look into are withheld. */
export function toJson(value: unknown, redacts: boolean): JsonValue {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value)) return value.map((each) => toJson(each, redacts))
  // A timestamp is a kind of Long in the driver.
  if (value instanceof BSON.Long && value._bsontype === 'Long') return longToJson(value)
  if (value instanceof BSON.Binary) return binaryToJson(value, redacts)
  if (isDocument(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, toJson(each, redacts)]))
  }
  return BSON.EJSON.serialize({ value }, { relaxed: true }).value as JsonValue
}

function longToJson(value: BSON.Long): JsonValue {
  const number = value.toNumber()
  return Number.isSafeInteger(number) ? number : { $numberLong: value.toString() }
}

function binaryToJson(value: BSON.Binary, redacts: boolean): JsonValue {
  const isUuid = value.sub_type === BSON.Binary.SUBTYPE_UUID && value.length() === UUID_BYTES
  if (isUuid) return { $uuid: value.toUUID().toHexString() }
  if (redacts) return WITHHELD
  return BSON.EJSON.serialize({ value }, { relaxed: true }).value as JsonValue
}
