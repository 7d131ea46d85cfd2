// Who may reach the gateway at all: exact hosts and origins, against DNS rebinding and web pages.

export type Guard = (headers: { host?: string | undefined; origin?: string | undefined }) => string | null

/** Returns why a request is refused, or null. Loopback names are hosts always; origins must be listed. */
export function guard(options: { hosts: string[]; origins: string[]; port: () => number }): Guard {
  const origins = new Set(options.origins)
  const listed = new Set(options.hosts)
  return ({ host, origin }) => {
    if (host === undefined || !(listed.has(host) || isLoopback(host, options.port()))) {
      return 'This host name is not one the gateway answers to; add it to MCP_ALLOWED_HOSTS.'
    }
    if (origin !== undefined && !origins.has(origin)) {
      return 'This origin may not call the gateway; add it to ALLOWED_ORIGINS.'
    }
    return null
  }
}

function isLoopback(host: string, port: number): boolean {
  return host === `localhost:${port}` || host === `127.0.0.1:${port}` || host === `[::1]:${port}`
}
