// Parameters of tools that servers of the modern era want mirrored into headers: `x-mcp-header` in a tool's inputSchema.
// Schemas are read as they are; no `$ref` is ever followed.
import { isObject } from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { headerValue } from './header-value.ts'

export type HeaderParam = { header: string; path: string[] }

const KEY = 'x-mcp-header'
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const PRIMITIVES = new Set<JsonValue | undefined>(['string', 'integer', 'boolean'])
const MAX_DEPTH = 128
const MAX_NODES = 20_000

/** Keywords whose value maps names to schemas, and those whose value is data. */
const MAPS = new Set(['$defs', 'definitions', 'patternProperties', 'dependentSchemas'])
const DATA = new Set(['default', 'const', 'enum', 'examples', 'required', 'dependentRequired'])

/** The mirrored parameters of a tool, or why its definition is not valid. */
export function headerParams(inputSchema: JsonValue | undefined): HeaderParam[] | string {
  const found: Found = { params: [], names: new Set(), nodes: 0 }
  return (inputSchema === undefined ? undefined : visit(inputSchema, [], 0, found)) ?? found.params
}

type Found = { params: HeaderParam[]; names: Set<string>; nodes: number }

/** `path`: the chain of properties to the node; null when something else lies between. Gives the first problem. */
function visit(node: JsonValue, path: string[] | null, depth: number, found: Found): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined
  if (depth > MAX_DEPTH || ++found.nodes > MAX_NODES) return 'its inputSchema is too deep or too large'
  if (Array.isArray(node)) return firstProblem(node, (each) => visit(each, null, depth + 1, found))
  const problem = Object.hasOwn(node, KEY) ? annotated(node, path, found) : undefined
  if (problem !== undefined) return problem
  return firstProblem(Object.entries(node), ([keyword, value]) => {
    if (DATA.has(keyword) || keyword === KEY) return undefined
    const inner = (name: string) => (keyword === 'properties' && path !== null ? [...path, name] : null)
    if (isObject(value) && (keyword === 'properties' || MAPS.has(keyword)))
      return firstProblem(Object.entries(value), ([name, each]) => visit(each, inner(name), depth + 1, found))
    return visit(value, null, depth + 1, found)
  })
}

function firstProblem<T>(items: T[], problemOf: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const problem = problemOf(item)
    if (problem !== undefined) return problem
  }
  return undefined
}

function annotated(node: JsonObject, path: string[] | null, found: Found): string | undefined {
  const name = node[KEY]
  if (path === null || path.length === 0) return `${KEY} stands where no plain property is`
  if (typeof name !== 'string' || !TOKEN.test(name)) return `${KEY} is not a header name`
  if (!PRIMITIVES.has(node['type'])) return `${KEY} is on a type other than string, integer and boolean`
  const header = `mcp-param-${name.toLowerCase()}`
  if (found.names.has(header)) return `${KEY} ${name} stands twice`
  found.names.add(header)
  found.params.push({ header, path })
  return undefined
}

/** The headers of a call, names and values by turns. What the arguments do not have is left out. */
export function mirrored(params: HeaderParam[], args: JsonValue | undefined): string[] {
  return params.flatMap(({ header, path }) => {
    const text = textOf(valueAt(args, path))
    return text === undefined ? [] : [header, headerValue(text)]
  })
}

function valueAt(value: JsonValue | undefined, path: string[]): JsonValue | undefined {
  for (const name of path) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? JSON.stringify(value) : undefined
}
