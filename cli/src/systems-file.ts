// `--connections FILE`: what the gateway would know of a project's systems, for commands that have no server to ask.
import { knownServers } from '@mcpshield/facts/catalogue'
import type { Connection } from '@mcpshield/facts/draw'
import { parseStrictJson } from '@mcpshield/facts/json'
import type { JsonValue } from '@mcpshield/policy/facts'
import { isObject } from './json-lines.ts'
import { readText } from './files.ts'
import { CommandError, type World } from './world.ts'

export type Systems = {
  connections?: Connection[]
  /** Slug of an upstream → the public server it is. */
  servers: ReadonlyMap<string, string>
}

export const NO_SYSTEMS: Systems = { servers: new Map() }

const MAX_FILE_BYTES = 10 * 1024 * 1024

const isText = (value: JsonValue) => typeof value === 'string'
const areTexts = (value: JsonValue) => Array.isArray(value) && value.every(isText)
const areColumns = (value: JsonValue) => isObject(value) && Object.values(value).every(areTexts)

/** What a connection may say, and whether it says it in the right form. */
const CONNECTION: Record<keyof Connection, (value: JsonValue) => boolean> = {
  name: isText,
  kind: isText,
  search_path: areTexts,
  columns: areColumns,
  pure_functions: areTexts,
  database: isText,
  schema: areTexts,
  root: isText,
}

/** Reads `{"connections": […], "upstreams": [{"slug", "server"}]}`, or a list of connections alone. */
export async function readSystems(world: World, file: string | undefined): Promise<Systems> {
  if (file === undefined) return NO_SYSTEMS
  const parsed = parseStrictJson(await readText(world, file, MAX_FILE_BYTES), {
    maxLength: MAX_FILE_BYTES,
    maxDepth: 64,
  })
  if ('error' in parsed) throw new CommandError(`${file}: ${parsed.error}`)
  try {
    const document = Array.isArray(parsed.value) ? { connections: parsed.value } : parsed.value
    return systemsOf(document)
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message}`)
  }
}

function systemsOf(document: JsonValue): Systems {
  if (!isObject(document)) throw new Error('this is neither an object nor a list of connections')
  for (const key of Object.keys(document)) {
    if (key !== 'connections' && key !== 'upstreams')
      throw new Error(`there is no member ${JSON.stringify(key)}`)
  }
  const { connections, upstreams = [] } = document
  if (connections !== undefined && !Array.isArray(connections)) throw new Error('connections must be a list')
  if (!Array.isArray(upstreams)) throw new Error('upstreams must be a list')
  return {
    ...(connections === undefined ? {} : { connections: connections.map(connectionOf) }),
    servers: new Map(upstreams.map(serverOf)),
  }
}

function connectionOf(value: JsonValue, index: number): Connection {
  const where = `connections[${index}]`
  if (!isObject(value)) throw new Error(`${where} must be an object`)
  for (const [key, member] of Object.entries(value)) {
    if (!Object.hasOwn(CONNECTION, key)) throw new Error(`${where} has no member ${JSON.stringify(key)}`)
    if (!CONNECTION[key as keyof Connection](member)) throw new Error(`${where}.${key} is of the wrong type`)
  }
  if (value['name'] === undefined || value['kind'] === undefined)
    throw new Error(`${where} must have a name and a kind`)
  return value as unknown as Connection
}

function serverOf(value: JsonValue, index: number): [string, string] {
  const { slug, server } = isObject(value) ? value : {}
  if (typeof slug !== 'string' || typeof server !== 'string')
    throw new Error(`upstreams[${index}] must have a slug and a server`)
  return [slug, checkedServer(server)]
}

/** The name of a public server that is known; throws with those that are. */
export function checkedServer(server: string): string {
  if (knownServers.includes(server)) return server
  throw new CommandError(
    `there is no server ${JSON.stringify(server)}; known are: ${knownServers.join(', ')}`,
  )
}
