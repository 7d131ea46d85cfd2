// A JSON schema as rows of a table: what a field is called, what it holds, and what is asked of it.

export type Schema = {
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  default?: unknown
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  additionalProperties?: boolean | Schema
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  minimum?: number
  maximum?: number
  $ref?: string
}
export type Field = { name: string; type: string; required: boolean; notes: string }

const MAX_DEPTH = 4
const MAX_SHOWN_VALUES = 12

/** The fields of an object, those inside of others with dotted names; `[]` stands for each member of a list. */
export function fieldsOf(schema: Schema, named: Record<string, Schema>): Field[] {
  return inside(schema, '', MAX_DEPTH, named)
}

function inside(schema: Schema, prefix: string, depth: number, named: Record<string, Schema>): Field[] {
  const choices = (schema.anyOf ?? schema.oneOf ?? []).filter(({ type }) => type !== 'null')
  if (choices.length > 1 && choices.every(({ properties }) => properties !== undefined))
    return choices.flatMap((choice, i) =>
      inside(choice, prefix, depth, named).map((field) => ({
        ...field,
        notes: [`form ${i + 1} of ${choices.length}`, field.notes].filter((note) => note !== '').join('; '),
      })),
    )
  const [only = schema] = choices.length === 1 ? choices : [schema]
  if (only.type === 'array' && only.items !== undefined)
    return inside(only.items, `${prefix}[]`, depth, named)
  const { properties = {}, required = [] } = only
  return Object.entries(properties).flatMap(([key, value]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`
    const own: Field = {
      name,
      type: typeOf(value, named),
      required: required.includes(key),
      notes: notesOf(value),
    }
    return depth === 0 ? [own] : [own, ...inside(value, name, depth - 1, named)]
  })
}

const FORMATS: Record<string, string> = {
  uuid: 'UUID',
  'date-time': 'time, RFC 3339',
  email: 'e-mail address',
  uri: 'URL',
}
const TYPES: Record<string, string> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  object: 'object',
  array: 'list',
  null: 'null',
}

function typeOf(schema: Schema, named: Record<string, Schema>): string {
  if (schema.$ref !== undefined) return schema.$ref.endsWith('/JsonValue') ? 'any JSON' : 'object'
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return [...new Set(choices.map((each) => typeOf(each, named)))].join(' or ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return valuesInWords(schema.enum)
  if (schema.type === undefined && schema.properties === undefined) return 'any JSON'
  const types = [schema.type ?? 'object'].flat()
  return types
    .map((type) => {
      if (type === 'array' && schema.items !== undefined) return `list of ${typeOf(schema.items, named)}`
      return (type === 'string' ? FORMATS[schema.format ?? ''] : undefined) ?? TYPES[type] ?? type
    })
    .join(' or ')
}

function valuesInWords(values: unknown[]): string {
  const shown = values.slice(0, MAX_SHOWN_VALUES).map(String).join(' | ')
  return values.length > MAX_SHOWN_VALUES ? `${shown} | … (${values.length} in all)` : shown
}

/** Bounds of the language itself are none of ours. */
const isOurs = (bound: number | undefined): bound is number =>
  bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER

function notesOf(schema: Schema): string {
  const notes = [schema.description?.replace(/\.$/, '') ?? '']
  const { minLength, maxLength, minItems, maxItems, minimum, maximum } = schema
  if (isOurs(minLength) || isOurs(maxLength)) notes.push(rangeInWords(minLength, maxLength, 'characters'))
  if (isOurs(minItems) || isOurs(maxItems)) notes.push(rangeInWords(minItems, maxItems, 'members'))
  if (isOurs(minimum) || isOurs(maximum)) notes.push(rangeInWords(minimum, maximum, ''))
  if (schema.default !== undefined) notes.push(`${JSON.stringify(schema.default)} when absent`)
  return notes.filter((note) => note !== '').join('; ')
}

function rangeInWords(low: number | undefined, high: number | undefined, unit: string): string {
  const shown = (bound: number) => bound.toLocaleString('en-GB')
  const range =
    isOurs(low) && isOurs(high)
      ? `${shown(low)} to ${shown(high)}`
      : isOurs(low)
        ? `${shown(low)} or more`
        : `at most ${shown(high as number)}`
  return `${range} ${unit}`.trim()
}
