// Which well-known public MCP server a command starts: then its tools' facts are declared, not guessed.
import { knownServers } from '@mcpshield/facts/catalogue'

export type ServerKind = {
  /** A name of the facts catalogue, or null. */
  server: string | null
  /** The folder that a file-system server was given, or null. */
  root: string | null
}

/** Other names under which the catalogue's servers are published. */
const aliases: Record<string, string> = {
  'mcp-server-fetch': 'server-fetch',
  'mcp-server-git': 'server-git',
  'mcp-server-time': 'server-time',
  'mcp-server-sqlite': 'server-sqlite',
  'server-puppeteer': 'puppeteer',
}
const FILE_SYSTEM = 'server-filesystem'

/**
 * The server that `command args…` starts. Its name must be a whole segment of the program's path or package
 * (`@modelcontextprotocol/server-filesystem@1.2`): a folder that merely contains such a name says nothing.
 */
export function serverKind(command: string | null, args: readonly string[]): ServerKind {
  const words = [command ?? '', ...args]
  const at = words.findIndex((word) => nameIn(word) !== undefined)
  const server = nameIn(words[at] ?? '') ?? null
  const folder =
    server === FILE_SYSTEM ? words.slice(at + 1).find((word) => !word.startsWith('-')) : undefined
  return { server, root: folder?.startsWith('/') === true ? folder : null }
}

function nameIn(word: string): string | undefined {
  if (/(^|\/)@playwright\/mcp(@[^/]*)?(\/|$)/.test(word)) return 'playwright'
  for (const segment of word.split('/')) {
    const name = segment.replace(/(?<=.)@.*$/, '')
    const known = Object.hasOwn(aliases, name) ? aliases[name] : name
    if (known !== undefined && knownServers.includes(known)) return known
  }
  return undefined
}
