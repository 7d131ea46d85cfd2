// What a call touches, as a person says it in the form, made into the facts that rules are tested on.
import type { Access, Facts, JsonObject, Operation, UrlFact } from '@mcpshield/policy/facts'
import { kindsOfTool } from '@mcpshield/policy/tool-kinds'

export type TypedAccess = {
  operation: Operation | ''
  resource: string
  fields: string
  functions: string
  connection: string
}
export type Touched = { paths: string; urls: string; accesses: TypedAccess[] }
export const NO_ACCESS: TypedAccess = {
  operation: 'read',
  resource: '',
  fields: '',
  functions: '',
  connection: '',
}

type Call = { tool: string; method: string; arguments: JsonObject }
const NOT_SAID = { unknown: 'it is not said what the call touches' }

/** Nothing said: whatever the tool may touch is unknown. */
export function unknownFacts(call: Call): Facts {
  const kinds = kindsOfTool(call.tool, {})
  const of = (kind: 'paths' | 'urls' | 'accesses') => (kinds === undefined || kinds.has(kind) ? NOT_SAID : [])
  return { ...call, paths: of('paths'), urls: of('urls'), accesses: of('accesses') } as Facts
}

export function saidFacts(call: Call, { paths, urls, accesses }: Touched): Facts {
  return {
    ...call,
    paths: linesOf(paths).map((path) =>
      path.startsWith('/') ? path : { unknown: 'the path is not absolute' },
    ),
    urls: linesOf(urls).map(urlFact),
    accesses: accesses.map(accessFact),
  }
}

function urlFact(text: string): UrlFact | { unknown: string } {
  const url = URL.parse(text)
  if (url === null) return { unknown: 'the text is no URL' }
  if (url.username !== '' || url.password !== '') return { unknown: 'the URL carries credentials' }
  const scheme = url.protocol.replace(/:$/, '')
  const port = Number(url.port) || PORTS[scheme]
  if (port === undefined) return { unknown: 'the scheme is not read' }
  return { href: url.href, scheme, host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port }
}

const PORTS: Record<string, number> = { http: 80, https: 443, ws: 80, wss: 443, ftp: 21 }

/** What is left empty is not known, but for fields and functions: there are then none. */
function accessFact({ operation, resource, fields, functions, connection }: TypedAccess): Access {
  const unknown = { unknown: 'it is not said' }
  return {
    operation: operation === '' ? unknown : operation,
    resource: resource.trim() === '' ? unknown : resource.trim() === 'none' ? null : resource.trim(),
    fields: fields.trim() === '?' ? unknown : wordsOf(fields),
    functions: functions.trim() === '?' ? unknown : wordsOf(functions).map((each) => each.toLowerCase()),
    connection: connection.trim() === '' ? unknown : connection.trim(),
  }
}

const linesOf = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

const wordsOf = (text: string) =>
  text
    .split(/[\s,]+/)
    .map((word) => word.trim())
    .filter((word) => word !== '')

/** What is known of a recorded call; undefined when its record holds no facts. */
export function recordedFacts(call: Call, facts: unknown): Facts | undefined {
  if (typeof facts !== 'object' || facts === null) return undefined
  const { paths = [], urls = [], accesses = [] } = facts as Partial<Facts>
  return { ...call, paths, urls, accesses }
}

/** The arguments as typed, or why they are none. */
export function argumentsIn(text: string): { value: JsonObject } | { problem: string } {
  if (text.trim() === '') return { value: {} }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { value: value as JsonObject }
    return { problem: 'Arguments are an object: { "sql": "select 1" }.' }
  } catch (error) {
    return { problem: `This is not JSON: ${error instanceof Error ? error.message : ''}` }
  }
}
