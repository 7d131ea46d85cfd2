import { config } from '#lib/server/config.ts'
import type { Addresses } from './pages.server.ts'

/** As people's programs and agents reach this installation. */
export function addresses(): Addresses {
  const { MCP_URL, API_URL } = config()
  const bare = (url: string) => url.replace(/\/$/, '')
  return { mcp: `${bare(MCP_URL)}/mcp`, api: bare(API_URL) }
}
