import { config } from '#lib/server/config.ts'
import type { PageServerLoad } from './$types'

const withoutSlash = (url: string) => url.replace(/\/+$/, '')

export const load: PageServerLoad = () => {
  const { API_URL, MCP_URL } = config()
  return { apiUrl: withoutSlash(API_URL), mcpUrl: `${withoutSlash(MCP_URL)}/mcp` }
}
