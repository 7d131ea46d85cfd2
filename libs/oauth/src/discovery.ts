// Who protects an MCP server: its protected-resource metadata (RFC 9728), and the metadata of the authorisation server
// that this names (RFC 8414, OpenID Connect Discovery).
import {
  checkResourceAllowed,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  resourceUrlFromServerUrl,
  type AuthorizationServerMetadata,
  type OAuthProtectedResourceMetadata,
} from '@modelcontextprotocol/client'
import { sameIssuer, type ClientConfig, type ProtectedBy } from './authorization.ts'
import type { Challenge } from './challenge.ts'
import type { Fetch } from './egress.ts'
import { OAuthFailure } from './failures.ts'
import { namesLoopback } from './neighbourhoods.ts'
import { asFailure } from './sdk-errors.ts'

/** `preferred` is the issuer that something is known of already: taken where several are offered. */
export async function discover(
  config: ClientConfig,
  challenge: Challenge,
  preferred: string | undefined,
): Promise<ProtectedBy> {
  const about = await resourceMetadata(config, challenge)
  const offered = about?.authorization_servers ?? []
  const issuer =
    offered.find((each) => preferred !== undefined && sameIssuer(each, preferred)) ??
    offered[0] ??
    // Servers of the first revisions are their own authorisation server and do not say so.
    new URL('/', config.serverUrl).href
  const metadata = await serverMetadata(issuer, config)
  return {
    issuer: metadata.issuer,
    resource: about?.resource ?? canonical(config.serverUrl),
    ...(about?.scopes_supported === undefined ? {} : { scopes_supported: about.scopes_supported }),
    metadata,
  }
}

async function resourceMetadata(
  { serverUrl, fetch }: ClientConfig,
  { resourceMetadataUrl }: Challenge,
): Promise<OAuthProtectedResourceMetadata | undefined> {
  let status = 0
  const watched: Fetch = async (url, init) => {
    const response = await fetch(url, init)
    status = response.status
    return response
  }
  let found: OAuthProtectedResourceMetadata
  try {
    const named = resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }
    found = await discoverOAuthProtectedResourceMetadata(serverUrl, named, watched)
  } catch (error) {
    // A document that was named has to be there; without one, what is missing is a server of the first revisions.
    if (resourceMetadataUrl === undefined && status >= 400 && status < 500) return undefined
    throw asFailure(error, 'Reading the metadata of the upstream')
  }
  const requestedResource = resourceUrlFromServerUrl(serverUrl)
  if (
    URL.canParse(found.resource) &&
    checkResourceAllowed({ requestedResource, configuredResource: found.resource })
  )
    return found
  throw new OAuthFailure(
    'refused',
    'The metadata of the upstream is that of another resource: its tokens would not be meant for this upstream.',
  )
}

async function serverMetadata(
  issuer: string,
  { serverUrl, fetch }: ClientConfig,
): Promise<AuthorizationServerMetadata> {
  if (!URL.canParse(issuer) || !/^https?:$/.test(new URL(issuer).protocol))
    throw new OAuthFailure(
      'refused',
      'The upstream names an authorisation server that is no http or https URL.',
    )
  let found: AuthorizationServerMetadata | undefined
  try {
    found = await discoverAuthorizationServerMetadata(issuer, { fetchFn: fetch })
  } catch (error) {
    throw asFailure(error, 'Reading the metadata of the authorisation server')
  }
  if (found === undefined)
    throw new OAuthFailure(
      'refused',
      `There is no metadata of an authorisation server at ${new URL(issuer).host}.`,
    )
  const endpoints = [found.authorization_endpoint, found.token_endpoint, found.registration_endpoint]
  if (endpoints.some((each) => each !== undefined && !isSecure(new URL(each), new URL(serverUrl))))
    throw new OAuthFailure('refused', 'An endpoint of the authorisation server is not https.')
  return kept(found)
}

/** Loopback needs no encryption; whoever is elsewhere has no business there. */
function isSecure(endpoint: URL, own: URL): boolean {
  if (endpoint.protocol === 'https:') return !namesLoopback(endpoint) || namesLoopback(own)
  return endpoint.protocol === 'http:' && namesLoopback(endpoint) && namesLoopback(own)
}

/** Of the metadata what is used later: it is kept with the tokens, and may be large. */
function kept(found: AuthorizationServerMetadata): AuthorizationServerMetadata {
  const {
    issuer,
    authorization_endpoint,
    token_endpoint,
    registration_endpoint,
    scopes_supported,
    response_types_supported,
    token_endpoint_auth_methods_supported,
    code_challenge_methods_supported,
    authorization_response_iss_parameter_supported,
    client_id_metadata_document_supported,
  } = found
  return JSON.parse(
    JSON.stringify({
      issuer,
      authorization_endpoint,
      token_endpoint,
      registration_endpoint,
      scopes_supported,
      response_types_supported,
      token_endpoint_auth_methods_supported,
      code_challenge_methods_supported,
      authorization_response_iss_parameter_supported,
      client_id_metadata_document_supported,
    }),
  ) as AuthorizationServerMetadata
}

/** The upstream's own URL as a resource indicator: without what may be a secret in its query. */
function canonical(serverUrl: string): string {
  const { origin, pathname } = new URL(serverUrl)
  return pathname === '/' ? origin : origin + pathname
}
