// What an MCP server says of how it is protected: the WWW-Authenticate header of its 401 or 403.
import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client'
import type { ClientConfig } from './authorization.ts'

export type Challenge = ReturnType<typeof extractWWWAuthenticateParams>

const PROBE_TIMEOUT_MS = 5_000

export function parseChallenge(header: string | undefined): Challenge {
  if (header === undefined) return {}
  try {
    return extractWWWAuthenticateParams(new Response(null, { headers: { 'www-authenticate': header } }))
  } catch {
    return {} // Not a value that a header can have.
  }
}

/** Asks the server for something without a token, to hear what it wants. Nothing heard is no failure: there is a well-known place too. */
export async function probe({ serverUrl, fetch }: ClientConfig): Promise<Challenge> {
  try {
    const response = await fetch(serverUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    })
    return response.status === 401 || response.status === 403
      ? parseChallenge(response.headers.get('www-authenticate') ?? undefined)
      : {}
  } catch {
    return {}
  }
}
