// Arguments that a tool's schema marks with `x-mcp-header`: a client of the modern era says them in HTTP headers too, for
// whoever routes by headers. Both must say the same.
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { isObject } from './messages.ts'

export type HeaderParam = {
  /** As in `Mcp-Param-<name>`, in lower case. */
  header: string
  /** Where the argument lies. */
  path: readonly string[]
}

/** The marked arguments of a definition that lie where the protocol lets them; others are ignored. */
export function headerParams(definition: JsonObject): HeaderParam[] {
  const schema = definition['inputSchema']
  return isObject(schema) ? walk(schema, [], 0) : []
}

const MAX_DEPTH = 32
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

function walk(schema: JsonObject, path: readonly string[], depth: number): HeaderParam[] {
  const properties = schema['properties']
  if (!isObject(properties) || depth > MAX_DEPTH) return []
  return Object.entries(properties).flatMap(([name, property]) => {
    if (!isObject(property)) return []
    const at = [...path, name]
    const marked = property['x-mcp-header']
    const own =
      typeof marked === 'string' && TOKEN.test(marked) ? [{ header: marked.toLowerCase(), path: at }] : []
    return [...own, ...walk(property, at, depth + 1)]
  })
}

/** What is wrong with the headers of a call, as a sentence, or undefined. */
export function headerMismatch(
  params: readonly HeaderParam[],
  args: JsonObject,
  headers: Record<string, string>,
): string | undefined {
  for (const { header, path } of params) {
    const value = plainAt(args, path)
    const said = Object.hasOwn(headers, header) ? headers[header] : undefined
    if (value === undefined) {
      if (said !== undefined)
        return `The header Mcp-Param-${header} names an argument that the body does not have.`
    } else if (said === undefined) {
      return `The header Mcp-Param-${header} is missing, though the body has the argument ${path.join('.')}.`
    } else if (!isSame(value, said)) {
      return `The header Mcp-Param-${header} says something else than the argument ${path.join('.')}.`
    }
  }
  return undefined
}

/** What a header can say; an object or a list in this place is the server's to refuse, and no header can mirror it. */
function plainAt(args: JsonObject, path: readonly string[]): string | number | boolean | undefined {
  let value: JsonValue | undefined = args
  for (const name of path) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value === null || typeof value === 'object' ? undefined : value
}

/** Numbers by their value: `42.0` and `42` are one. */
function isSame(value: string | number | boolean, said: string): boolean {
  if (typeof value === 'number') return said.trim() !== '' && Number(said) === value
  if (typeof value === 'boolean') return said === String(value)
  return value === said
}
