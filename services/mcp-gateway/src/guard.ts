// Who may reach the gateway at all: exact hosts and origins, against DNS rebinding and web pages.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

export type Guard = (headers: {
  host?: string | undefined
  origin?: string | undefined
}) => { kind: 'host' | 'origin'; why: string } | null

/** Returns why a request is refused, or null. Loopback names are hosts always; origins must be listed. */
export function guard(options: { hosts: string[]; origins: string[]; port: () => number }): Guard {
  const origins = new Set(options.origins)
  const listed = new Set(options.hosts)
  return ({ host, origin }) => {
    if (host === undefined || !(listed.has(host) || isLoopback(host, options.port()))) {
      return {
        kind: 'host',
        why: 'This host name is not one the gateway answers to; add it to MCP_ALLOWED_HOSTS.',
      }
    }
    if (origin !== undefined && !origins.has(origin)) {
      return { kind: 'origin', why: 'This origin may not call the gateway; add it to ALLOWED_ORIGINS.' }
    }
    return null
  }
}

function isLoopback(host: string, port: number): boolean {
  return host === `localhost:${port}` || host === `127.0.0.1:${port}` || host === `[::1]:${port}`
}

const SHOWN = 'mcp-session-id, www-authenticate, x-request-id'
const METHODS = 'GET, POST, DELETE'
const SENDABLE = new Set([
  'accept',
  'authorization',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
  'traceparent',
  'tracestate',
  'x-api-key',
])
const SENDABLE_PARAM = /^mcp-param-[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/
const PREFLIGHT_SECONDS = 600
const MAX_ASKED_HEADERS = 100

/** Lets the page that called read the answer: its origin passed the guard. */
export function showTo(origin: string, response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', SHOWN)
  response.setHeader('vary', 'origin')
}

/** What a browser is told that asks before it sends; null when it did not ask. */
export function preflight(headers: IncomingHttpHeaders): Record<string, string | number> | null {
  if (headers.origin === undefined || headers['access-control-request-method'] === undefined) return null
  const asked = (headers['access-control-request-headers'] ?? '').split(',').slice(0, MAX_ASKED_HEADERS)
  const names = asked.map((each) => each.trim().toLowerCase())
  const sendable = names.filter((name) => SENDABLE.has(name) || SENDABLE_PARAM.test(name))
  return {
    'access-control-allow-methods': METHODS,
    ...(sendable.length === 0 ? {} : { 'access-control-allow-headers': sendable.join(', ') }),
    'access-control-max-age': PREFLIGHT_SECONDS,
  }
}
