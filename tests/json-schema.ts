// Whether a value is what a JSON Schema says: of the keywords that our OpenAPI document uses, and no others, so that a
// new one is noticed.

export type Schema = { [keyword: string]: unknown }

const KNOWN = new Set([
  '$ref',
  'additionalProperties',
  'anyOf',
  'const',
  'default',
  'description',
  'enum',
  'format',
  'items',
  'maximum',
  'maxItems',
  'maxLength',
  'minimum',
  'minItems',
  'minLength',
  'oneOf',
  'pattern',
  'properties',
  'propertyNames',
  'required',
  'type',
])

/** What is wrong, each with its place; `schemas` are the document's own, for references. */
export function problemsOf(
  value: unknown,
  schema: Schema,
  schemas: Record<string, Schema>,
  at = '$',
): string[] {
  const strange = Object.keys(schema).filter((keyword) => !KNOWN.has(keyword))
  if (strange.length > 0) throw new Error(`the check does not know the keyword ${strange.join(', ')}`)
  if (typeof schema.$ref === 'string') return problemsOf(value, referred(schema.$ref, schemas), schemas, at)
  const branches = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (branches !== undefined) {
    const fits = branches.some((branch) => problemsOf(value, branch, schemas, at).length === 0)
    return fits ? [] : [`${at} is none of what it may be`]
  }
  if ('const' in schema && value !== schema.const) return [`${at} is not ${JSON.stringify(schema.const)}`]
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) return [`${at} is none of its values`]
  const types = [schema.type ?? []].flat() as string[]
  if (types.length > 0 && !types.some((type) => isOf(value, type)))
    return [`${at} is no ${types.join(' or ')}`]
  if (typeof value === 'string') return textProblems(value, schema, at)
  if (typeof value === 'number') return numberProblems(value, schema, at)
  if (Array.isArray(value)) return listProblems(value, schema, schemas, at)
  if (typeof value === 'object' && value !== null) return objectProblems(value, schema, schemas, at)
  return []
}

export function referred(reference: string, schemas: Record<string, Schema>): Schema {
  const found = schemas[reference.split('/').at(-1) ?? '']
  if (found === undefined) throw new Error(`${reference} is not in the document`)
  return found
}

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

function textProblems(value: string, { minLength, maxLength, pattern }: Schema, at: string): string[] {
  const characters = [...value].length
  return [
    ...(typeof minLength === 'number' && characters < minLength ? [`${at} is too short`] : []),
    ...(typeof maxLength === 'number' && characters > maxLength ? [`${at} is too long`] : []),
    ...(typeof pattern === 'string' && !new RegExp(pattern, 'u').test(value)
      ? [`${at} does not match its pattern`]
      : []),
  ]
}

function numberProblems(value: number, { minimum, maximum }: Schema, at: string): string[] {
  return [
    ...(typeof minimum === 'number' && value < minimum ? [`${at} is too small`] : []),
    ...(typeof maximum === 'number' && value > maximum ? [`${at} is too large`] : []),
  ]
}

function listProblems(
  value: unknown[],
  { items, minItems, maxItems }: Schema,
  schemas: Record<string, Schema>,
  at: string,
): string[] {
  return [
    ...(typeof minItems === 'number' && value.length < minItems ? [`${at} has too few`] : []),
    ...(typeof maxItems === 'number' && value.length > maxItems ? [`${at} has too many`] : []),
    ...(items === undefined
      ? []
      : value.flatMap((each, index) => problemsOf(each, items as Schema, schemas, `${at}[${index}]`))),
  ]
}

function objectProblems(
  value: object,
  schema: Schema,
  schemas: Record<string, Schema>,
  at: string,
): string[] {
  const properties = (schema.properties ?? {}) as Record<string, Schema>
  const required = (schema.required ?? []) as string[]
  const missing = required.filter((name) => !Object.hasOwn(value, name))
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, each]) => {
      const place = `${at}.${name}`
      const own = Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties
      if (own === false) return [`${place} is unknown`]
      return typeof own === 'object' && own !== null ? problemsOf(each, own as Schema, schemas, place) : []
    }),
  ]
}
