// How a client of the Model Context Protocol is told of the gateway, in the file where it keeps its servers.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Machine } from '../config.ts'

/** Where the gateway is, and by which key. */
export type Endpoint = { url: string; key: string }

/** JSON with comments and trailing commas, where its owner writes such. */
export type Format = 'json' | 'yaml' | 'toml'

export type McpClient = {
  /** As on the command line, and on the dashboard's page: `claude-code`. */
  id: string
  name: string
  format: Format
  /** Folders and files of which one shows that it is installed. */
  signs: (machine: Machine) => string[]
  /** Where its servers are written: the first of these that exists, or else the first. */
  files: (machine: Machine) => string[]
  /** The members that lead to the list of servers, in a file that has this in it. */
  servers: (content: unknown) => string[]
  entry: (endpoint: Endpoint, servers: string[]) => JsonObject
  /** What to do afterwards, to see it work. */
  then: string
}

/** What the gateway is called in a client's list of servers. */
export const SERVER_NAME = 'mcpshield'

/** The variable that holds the key, where a client hands one to a command. */
export const KEY_VARIABLE = 'MCPSHIELD_API_KEY'

export const KEY_HEADER = 'X-API-Key'

export const headers = ({ key }: Endpoint): JsonObject => ({ [KEY_HEADER]: key })

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The address and the key that an entry holds, whichever client's it is; null for what it does not say. */
export function endpointIn(entry: unknown): { url: string | null; key: string | null } {
  if (!isObject(entry)) return { url: null, key: null }
  const args: unknown[] = Array.isArray(entry['args']) ? entry['args'] : []
  const urls = [entry['url'], entry['serverUrl'], entry['httpUrl'], entry['uri'], ...args]
  const keys = [
    ...[entry['headers'], entry['http_headers']].map((each) =>
      isObject(each) ? each[KEY_HEADER] : undefined,
    ),
    isObject(entry['env']) ? entry['env'][KEY_VARIABLE] : undefined,
  ]
  const isText = (value: unknown): value is string => typeof value === 'string'
  return {
    url: urls.filter(isText).find((text) => /^https?:\/\//.test(text)) ?? null,
    key: keys.find(isText) ?? null,
  }
}
