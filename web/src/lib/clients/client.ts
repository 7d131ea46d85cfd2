// How a client of the Model Context Protocol is told of the gateway.

/** Where the gateway is, and by which key. */
export type Endpoint = {
  /** `https://mcp.example.com/mcp` */
  url: string
  /** An API key, or what stands for it. */
  key: string
}

export type Snippet = {
  /** Where it goes: a terminal, or the path of a file. */
  place: string
  code: string
  /** What there is to know of it, in a sentence. */
  note?: string
}

export type Client = {
  /** As in the address of the page: `claude-code`. */
  id: string
  name: string
  /** Where its own documentation speaks of MCP servers. */
  documentation?: string
  /** One command does it, where the client has one. */
  command?: (endpoint: Endpoint) => Snippet
  /** Files, best first. */
  files: (endpoint: Endpoint) => Snippet[]
  /** What to do afterwards, to see it work. */
  then: string
}

/** What the gateway is called in the client's list of servers. */
export const SERVER_NAME = 'mcpshield'

/** The variable that holds the key, where a client reads it from the environment. */
export const KEY_VARIABLE = 'MCPSHIELD_API_KEY'

/** What stands for the key while none was made here. */
export const PLACEHOLDER_KEY = 'YOUR_API_KEY'

/** As JSON in a file, indented. */
export function json(value: unknown): string {
  return JSON.stringify(value, null, 2)
}

/** A text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** A command over several lines, as a shell reads it. */
export function lines(...words: string[]): string {
  return words.join(' \\\n  ')
}

export function headers({ key }: Endpoint): { 'X-API-Key': string } {
  return { 'X-API-Key': key }
}
