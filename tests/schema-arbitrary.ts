// Values made from the schemas of the OpenAPI document, and the values that programs stumble over.
import fc from 'fast-check'
import { referred, type Schema } from './json-schema.ts'

export type Schemas = Record<string, Schema>

/** Texts that programs have stumbled over. */
const HOSTILE = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '\udfff\ud800',
  '\r\nset-cookie: a=b',
  '🛡️👩‍👩‍👧‍👦',
  '\u202eمرحبا\u202c',
  'ＡＢＣ',
  'ﬀ',
  'İstanbul',
  "'; drop table users; --",
  "' or '1'='1",
  '%_\\',
  '${jndi:ldap://127.0.0.1/a}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '../../../../etc/passwd',
  '..%2f..%2f',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  '-1',
  '0x10',
  '1e999',
  '9'.repeat(400),
  'a'.repeat(5_000),
  'é'.repeat(300),
  '2026-02-30T00:00:00Z',
  '9999-12-31T23:59:59.999Z',
  '0000-01-01T00:00:00Z',
  '00000000-0000-0000-0000-000000000000',
]
const HOSTILE_NUMBERS = [-1, 0, 0.5, -0, 2 ** 31, 2 ** 53, 2 ** 63, 1e21, 1e308, Number.MIN_VALUE]
const MAX_TEXT = 200

export const hostileText = fc.constantFrom(...HOSTILE)
const hostileNumber = fc.constantFrom(...HOSTILE_NUMBERS)

/** Any JSON, and what JSON programs stumble over. */
export const strangeValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  hostileNumber,
  fc.constantFrom<unknown>(null, true, [], {}, [[]], { a: {} }, { $ne: null }, ['x', 1]),
  fc.jsonValue({ maxDepth: 3 }),
)

/** Values that the schema allows, or nearly: what a pattern says is not always met. */
export function valueOf(schema: Schema, schemas: Schemas): fc.Arbitrary<unknown> {
  if (typeof schema.$ref === 'string') return referredValue(schema.$ref, schemas)
  const branches = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (branches !== undefined) return fc.oneof(...branches.map((each) => valueOf(each, schemas)))
  if ('const' in schema) return fc.constant(schema.const)
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]))
  const types = [schema.type ?? []].flat() as string[]
  if (types.length > 1) return fc.oneof(...types.map((type) => valueOf({ ...schema, type }, schemas)))
  switch (types[0]) {
    case 'string':
      return textOf(schema)
    case 'integer':
      return fc.integer({ min: bound(schema.minimum, 0), max: bound(schema.maximum, 1_000) })
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return listOf(schema, schemas)
    case 'object':
      return objectOf(schema, schemas)
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

/** The one schema that refers to itself is any JSON. */
function referredValue(reference: string, schemas: Schemas): fc.Arbitrary<unknown> {
  referred(reference, schemas)
  return fc.jsonValue({ maxDepth: 3 })
}

const bound = (limit: unknown, byDefault: number) =>
  typeof limit === 'number' && Math.abs(limit) <= 2 ** 31 ? limit : byDefault

const DAY_MS = 86_400_000
const todayMs = Date.now() - (Date.now() % DAY_MS)

/** Yesterday, the next years, or any time at all. */
const time = fc
  .oneof(
    fc.integer({ min: todayMs - DAY_MS, max: todayMs }),
    fc.integer({ min: todayMs + DAY_MS, max: todayMs + 700 * DAY_MS }),
    fc.integer({ min: 0, max: 4e12 }),
  )
  .map((ms) => new Date(ms).toISOString())

function textOf({ format, pattern, minLength, maxLength }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid()
  if (format === 'email') return fc.uuid().map((id) => `${id}@example.com`)
  if (format === 'date-time') return time
  if (format === 'uri') return fc.uuid().map((id) => `http://127.0.0.1:1/${id}`)
  if (typeof pattern === 'string') return fc.oneof(matching(pattern), fc.string({ maxLength: 20 }))
  const least = bound(minLength, 0)
  return fc.string({
    minLength: least,
    maxLength: Math.max(least, Math.min(bound(maxLength, MAX_TEXT), MAX_TEXT)),
  })
}

function matching(pattern: string): fc.Arbitrary<string> {
  try {
    return fc.stringMatching(new RegExp(pattern))
  } catch {
    // A pattern that cannot be turned round, such as one that looks ahead.
    return fc.string({ maxLength: 20 })
  }
}

function listOf({ items, minItems, maxItems }: Schema, schemas: Schemas): fc.Arbitrary<unknown> {
  const least = bound(minItems, 0)
  return fc.array(valueOf((items ?? {}) as Schema, schemas), {
    minLength: least,
    maxLength: Math.max(least, Math.min(bound(maxItems, 4), 4)),
  })
}

function objectOf(schema: Schema, schemas: Schemas): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>)
  const required = (schema.required ?? []) as string[]
  if (properties.length === 0) {
    const more = schema.additionalProperties
    return typeof more === 'object' && more !== null
      ? fc.dictionary(fc.string({ maxLength: 10 }), valueOf(more as Schema, schemas), { maxKeys: 3 })
      : fc.constant({})
  }
  return fc.record(
    Object.fromEntries(properties.map(([name, each]) => [name, fieldOf(name, each, schemas)])),
    {
      requiredKeys: required,
      noNullPrototype: true,
    },
  )
}

/** What the schema cannot say: a policy that holds, and a program that does not exist whatever else is made up. */
function fieldOf(name: string, schema: Schema, schemas: Schemas): fc.Arbitrary<unknown> {
  if (name === 'command') return fc.constant('/nonexistent/program')
  if (name === 'policy_yaml') return fc.oneof(fc.constant(POLICY), valueOf(schema, schemas))
  return valueOf(schema, schemas)
}

const POLICY = 'version: 1\ndefault: deny\nrules: []\n'
