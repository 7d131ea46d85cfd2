import {
  Binary,
  BSONRegExp,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
} from 'bson'
import { CannotTell } from './sql/statement.ts'

/** A document of BSON values. */
export type BsonDocument = { [key: string]: unknown }

/** A command as it goes to the server: its first key is its name. */
export type MongodbCommand = BsonDocument

// BSON ends at 100 levels; requests to the gateway at 64.
const maxDepth = 64
const maxValues = 100_000

const leaves = [
  Date,
  Binary,
  BSONRegExp,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
]

/** True for a single BSON value that is an object in JavaScript: an id, a date, a number of a type of its own. */
export function isBsonLeaf(value: unknown): boolean {
  return typeof value === 'object' && leaves.some((type) => value instanceof type)
}

/** True for a document: neither a list nor a single value. */
export function isDocument(value: unknown): value is BsonDocument {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBsonLeaf(value)
}

/**
 * JSON as BSON values: what extended JSON writes as an object (`{"$oid": …}`) becomes the value. Each form has exactly
 * one spelling, with no key beside it; what would become code, a symbol or a reference is refused. A `$regex` stays the
 * operator that it is. Values that are BSON already are left as they are. Throws CannotTell.
 */
export function fromExtendedJson(value: unknown): unknown {
  let values = 0
  const read = (part: unknown, depth: number): unknown => {
    if (++values > maxValues) throw new CannotTell('the command holds too many values')
    if (depth > maxDepth) throw new CannotTell('the command is nested too deeply')
    if (typeof part === 'string') return wellFormed(part)
    if (part === null || typeof part === 'boolean' || typeof part === 'number' || isBsonLeaf(part))
      return part
    if (Array.isArray(part)) return part.map((member) => read(member, depth + 1))
    if (typeof part !== 'object' || !isPlain(part))
      throw new CannotTell('a value is of a type that is not known')
    const keys = Object.keys(part)
    for (const key of keys) checkKey(key)
    const wrapper = keys.find((key) => wrappers.has(key))
    if (wrapper !== undefined) return unwrapped(wrapper, part as BsonDocument)
    return Object.fromEntries(keys.map((key) => [key, read((part as BsonDocument)[key], depth + 1)]))
  }
  return read(value, 0)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function wellFormed(text: string): string {
  // The driver would send other characters in the place of these.
  if (!text.isWellFormed()) throw new CannotTell('a text is not well-formed Unicode')
  return text
}

// Names that mean something to JavaScript or to the driver before they mean anything to the server.
const reserved = new Set(['__proto__', '_bsontype', 'toBSON'])

function checkKey(key: string): void {
  wellFormed(key)
  if (key.includes('\0')) throw new CannotTell('a key holds a NUL character')
  if (reserved.has(key)) throw new CannotTell(`the key ${key} is not one that can be sent`)
}

type Read = (value: unknown) => unknown

/** Every key that makes an object a value of extended JSON, and how it is read; null for what is refused. */
const wrappers = new Map<string, Read | null>([
  ['$oid', (value) => ObjectId.createFromHexString(matching(value, /^[0-9a-f]{24}$/i))],
  ['$date', readDate],
  ['$numberInt', (value) => new Int32(readInteger(value, -(2n ** 31n), 2n ** 31n))],
  ['$numberLong', readLong],
  ['$numberDouble', (value) => new Double(readDouble(value))],
  ['$numberDecimal', (value) => Decimal128.fromString(matching(value, /^[-+0-9.a-z]{1,64}$/i))],
  ['$uuid', (value) => UUID.createFromHexString(matching(value, uuid)).toBinary()],
  ['$binary', readBinary],
  ['$timestamp', readTimestamp],
  ['$regularExpression', readRegularExpression],
  ['$minKey', (value) => (value === 1 ? new MinKey() : refuse())],
  ['$maxKey', (value) => (value === 1 ? new MaxKey() : refuse())],
  ['$code', null],
  ['$scope', null],
  ['$symbol', null],
  ['$undefined', null],
  ['$dbPointer', null],
  ['$ref', null],
])

function unwrapped(key: string, value: BsonDocument): unknown {
  const read = wrappers.get(key)
  if (!read) throw new CannotTell(`${key} is not a value that is taken here`)
  if (Object.keys(value).length !== 1) throw new CannotTell(`there are other keys beside ${key}`)
  try {
    return read(value[key])
  } catch {
    throw new CannotTell(`the value of ${key} is not one of extended JSON`)
  }
}

/** Thrown inside a reader; what is said to the caller names the key. */
function refuse(): never {
  throw new CannotTell('not a value of extended JSON')
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function matching(value: unknown, pattern: RegExp): string {
  return typeof value === 'string' && pattern.test(value) ? value : refuse()
}

function readInteger(value: unknown, from: bigint, below: bigint): number {
  const integer = BigInt(matching(value, /^-?\d{1,20}$/))
  return integer >= from && integer < below ? Number(integer) : refuse()
}

function readLong(value: unknown): Long {
  const integer = BigInt(matching(value, /^-?\d{1,20}$/))
  return integer >= -(2n ** 63n) && integer < 2n ** 63n ? Long.fromBigInt(integer) : refuse()
}

function readDouble(value: unknown): number {
  const text = matching(value, /^(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|-?Infinity|NaN)$/i)
  return Number(text)
}

function readDate(value: unknown): Date {
  if (typeof value === 'string' && !/^\d{4}-\d{2}-\d{2}/.test(value)) refuse()
  const milliseconds = isDocument(value) ? longMilliseconds(value) : value
  if (typeof milliseconds !== 'string' && typeof milliseconds !== 'number') refuse()
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? refuse() : date
}

function longMilliseconds(value: BsonDocument): number {
  if (!hasExactly(value, ['$numberLong'])) refuse()
  return readInteger(value['$numberLong'], -(2n ** 53n), 2n ** 53n)
}

function readBinary(value: unknown): Binary {
  if (!hasExactly(value, ['base64', 'subType'])) return refuse()
  const subType = Number.parseInt(matching(value['subType'], /^[0-9a-f]{1,2}$/i), 16)
  return Binary.createFromBase64(matching(value['base64'], base64), subType)
}

function readTimestamp(value: unknown): Timestamp {
  if (!hasExactly(value, ['t', 'i'])) return refuse()
  const part = (name: string): number => {
    const number = value[name]
    return Number.isInteger(number) && (number as number) >= 0 && (number as number) < 2 ** 32
      ? (number as number)
      : refuse()
  }
  return new Timestamp({ t: part('t'), i: part('i') })
}

function readRegularExpression(value: unknown): BSONRegExp {
  if (!hasExactly(value, ['pattern', 'options'])) return refuse()
  const pattern = matching(value['pattern'], /^[^\0]*$/)
  return new BSONRegExp(wellFormed(pattern), matching(value['options'], /^[ilmsux]{0,6}$/))
}

function hasExactly(value: unknown, keys: string[]): value is BsonDocument {
  return (
    isDocument(value) &&
    Object.keys(value).length === keys.length &&
    keys.every((key) => Object.hasOwn(value, key))
  )
}
