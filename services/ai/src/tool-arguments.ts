// Pure: the arguments of a tool, one to a line, as a small model reads them best. JSON Schemas of tools are written by others: of
// whatever shape, endless, circular, or written to deceive. What is not understood is left out; each text is made plain and short.
import { plainLine } from './fences.ts'

const MAX_LINES = 24
const MAX_DEPTH = 3
/** Steps through references and alternatives, of one tool. */
const MAX_STEPS = 300
const MAX_VALUES = 10
const MAX_LINE_UNITS = 400
const UNITS = { name: 60, value: 40, description: 100 }

type Schema = { readonly [keyword: string]: unknown }
type Reading = { root: Schema; lines: string[]; stepsLeft: number; cut: boolean }

/** Lines such as `title: string, required: The title of the issue`; of what lies within, `options.draft: boolean`. */
export function argumentLines(inputSchema: unknown): string[] {
  const root = schemaOf(inputSchema)
  const reading: Reading = { root, lines: [], stepsLeft: MAX_STEPS, cut: false }
  describeMembers(root, '', 1, reading)
  return reading.cut ? [...reading.lines, '…'] : reading.lines
}

function describeMembers(schema: Schema, path: string, depth: number, reading: Reading): void {
  const { properties, required } = membersOf(schema, reading)
  for (const [name, each] of properties) {
    if (reading.lines.length >= MAX_LINES || reading.stepsLeft <= 0) {
      reading.cut = true
      return
    }
    const at = path + shownName(name)
    const member = resolved(each, reading)
    const texts = [schemaOf(each)['description'], member['description'], member['title']].map(textOf)
    const facts = [typeOf(member, reading, 1), ...(required.has(name) ? ['required'] : [])]
    const line = [at, facts.join(', '), texts.find((text) => text !== '') ?? []].flat().join(': ')
    reading.lines.push(plainLine(line, MAX_LINE_UNITS))
    const inside = insideOf(member, reading)
    if (inside === undefined) continue
    if (depth < MAX_DEPTH) describeMembers(inside.schema, `${at}${inside.mark}.`, depth + 1, reading)
    else reading.cut = true
  }
}

/** What has members of its own: an object, or what a list is of. */
function insideOf(schema: Schema, reading: Reading): { schema: Schema; mark: string } | undefined {
  if (hasMembers(schema)) return { schema, mark: '' }
  const items = resolved(schema['items'], reading)
  return hasMembers(items) ? { schema: items, mark: '[]' } : undefined
}

function hasMembers(schema: Schema): boolean {
  return isSchema(schema['properties']) || Array.isArray(schema['allOf'])
}

/** Its own members and those of all that it has to be as well. */
function membersOf(schema: Schema, reading: Reading) {
  const properties = new Map<string, unknown>()
  const required = new Set<string>()
  for (const each of [schema, ...partsOf(schema['allOf'], reading)]) {
    for (const [name, member] of Object.entries(schemaOf(each['properties']))) properties.set(name, member)
    if (Array.isArray(each['required']))
      for (const name of each['required']) if (typeof name === 'string') required.add(name)
  }
  return { properties, required }
}

function typeOf(schema: Schema, reading: Reading, depth: number): string {
  if (depth > MAX_DEPTH) return 'any'
  if ('const' in schema) return valueOf(schema['const'])
  if (Array.isArray(schema['enum'])) return oneOf(schema['enum'].map(valueOf))
  const types = [schema['type']].flat().filter((each) => typeof each === 'string')
  const named = types.filter((each) => each !== 'null').map((each) => TYPES.get(each) ?? 'any')
  if (named.includes('list')) {
    const items = resolved(schema['items'], reading)
    named[named.indexOf('list')] = hasMembers(items)
      ? 'list of object'
      : `list of ${typeOf(items, reading, depth + 1)}`
  }
  if (named.length > 0) return oneOf(named)
  const alternatives = [...partsOf(schema['anyOf'], reading), ...partsOf(schema['oneOf'], reading)]
  const each = alternatives
    .filter(({ type }) => type !== 'null')
    .map((one) => typeOf(one, reading, depth + 1))
  if (each.length > 0) return oneOf(each)
  return hasMembers(schema) ? 'object' : 'any'
}

const TYPES = new Map([
  ...['string', 'number', 'integer', 'boolean', 'object'].map((each) => [each, each] as const),
  ['array', 'list'] as const,
])

function oneOf(values: readonly string[]): string {
  const each = [...new Set(values)]
  const more = each.length - MAX_VALUES
  return `${each.slice(0, MAX_VALUES).join(' | ')}${more > 0 ? ` | ${more} more` : ''}`
}

function valueOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(plainLine(value, UNITS.value))
  if (typeof value === 'object' && value !== null) return 'object'
  return String(value)
}

/** What a schema refers to within its own document; others are not fetched. */
function resolved(value: unknown, reading: Reading): Schema {
  let schema = schemaOf(value)
  while (typeof schema['$ref'] === 'string') {
    if (reading.stepsLeft-- <= 0) return {}
    schema = referred(schema['$ref'], reading.root)
  }
  return schema
}

function referred(reference: string, root: Schema): Schema {
  if (reference === '#') return root
  if (!reference.startsWith('#/')) return {}
  let found: unknown = root
  for (const step of reference.slice(2).split('/').slice(0, MAX_STEPS)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    found = isSchema(found) && Object.hasOwn(found, key) ? found[key] : undefined
  }
  return schemaOf(found)
}

function partsOf(value: unknown, reading: Reading): Schema[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, MAX_VALUES * 2).flatMap((each) => {
    if (reading.stepsLeft-- <= 0) return []
    return [resolved(each, reading)]
  })
}

/** As policies write a path of an argument, where it is a plain name. */
function shownName(name: string): string {
  return /^[\w$-]{1,60}$/.test(name) ? name : JSON.stringify(plainLine(name, UNITS.name))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? plainLine(value, UNITS.description) : ''
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function schemaOf(value: unknown): Schema {
  return isSchema(value) ? value : {}
}
