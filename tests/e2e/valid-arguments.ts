// Arguments that a JSON Schema takes, made from it alone: defaults and first choices, else something of the type.
import type { Json } from './mcp-wire.ts'

export function validArguments(schema: Json): Json {
  const value = valid(schema)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

function valid(schema: Json): unknown {
  const {
    default: given,
    const: only,
    enum: choices,
    anyOf,
    oneOf,
  } = schema as {
    default?: unknown
    const?: unknown
    enum?: unknown[]
    anyOf?: Json[]
    oneOf?: Json[]
  }
  if (given !== undefined) return given
  if (only !== undefined) return only
  if (choices !== undefined) return choices[0]
  const alternatives = anyOf ?? oneOf
  if (alternatives?.[0] !== undefined) return valid(alternatives[0])
  return ofType(schema)
}

function ofType(schema: Json): unknown {
  const {
    type,
    properties = {},
    required = [],
    items,
    minItems = 0,
    minimum = 1,
    format,
  } = schema as {
    type?: string | string[]
    properties?: Record<string, Json>
    required?: string[]
    items?: Json
    minItems?: number
    minimum?: number
    format?: string
  }
  switch ([type].flat()[0]) {
    case 'object':
      return Object.fromEntries(required.map((name) => [name, valid(properties[name] ?? {})]))
    case 'array':
      return Array.from({ length: Math.max(1, minItems) }, () => valid(items ?? {}))
    case 'integer':
    case 'number':
      return minimum
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return format === 'uri' ? 'https://example.com/' : 'text'
  }
}

/** Arguments that the schema refuses: something of another type, or something missing. */
export function invalidArguments(schema: Json): Json {
  const { properties = {} } = schema as { properties?: Record<string, Json> }
  return Object.fromEntries(Object.keys(properties).map((name) => [name, { not: 'what was asked for' }]))
}
