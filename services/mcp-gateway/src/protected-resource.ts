// OAuth 2.0 protected resource metadata (RFC 9728): whose access tokens a project's endpoint takes.
import type { Snapshots } from '@mcpshield/pdp/snapshots'
import { resourceUrl } from './bearer.ts'
import { RESOURCE_DOCUMENT, type Route } from './routes.ts'

type Endpoint = { project: string; only: string | null }

/**
 * Undefined for a project that is not there and for one without an issuer alike. All of a project's endpoints are one
 * resource: its tokens are good at each.
 */
export function resourceDocument(
  snapshots: Pick<Snapshots, 'project'>,
  publicUrl: string,
  { project }: Endpoint,
): string | undefined {
  const issuer = snapshots.project(project)?.snapshot.token_issuer?.issuer
  if (issuer === undefined) return undefined
  return JSON.stringify({
    resource: resourceUrl(publicUrl, project),
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
  })
}

/** WWW-Authenticate of a 401. */
export function challenge(
  publicUrl: string,
  { project, only }: Extract<Route, { kind: 'mcp' }>,
  wasToken: boolean,
): string {
  const parts = ['Bearer realm="mcpshield"']
  if (wasToken) parts.push('error="invalid_token"')
  if (project !== null) {
    const path = `/p/${project}/mcp${only === null ? '' : `/${only}`}`
    parts.push(`resource_metadata="${publicUrl}${RESOURCE_DOCUMENT}${path}"`)
  }
  return parts.join(', ')
}
