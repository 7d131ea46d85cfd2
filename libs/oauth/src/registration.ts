// Who we are to an authorisation server: a client registered by hand, our metadata document, or one we register.
import { registerClient, type OAuthClientMetadata } from '@modelcontextprotocol/client'
import {
  sameIssuer,
  type Authorization,
  type ClientConfig,
  type ProtectedBy,
  type Registration,
} from './authorization.ts'
import { OAuthFailure } from './failures.ts'
import { namesLoopback } from './neighbourhoods.ts'
import { asFailure } from './sdk-errors.ts'

/** The client for this server: `known` where it is one of this server's, else a new one. */
export async function clientFor(
  config: ClientConfig,
  server: ProtectedBy,
  { client: known }: Authorization,
  scope: string | undefined,
): Promise<Registration> {
  if (config.client !== undefined) return givenClient(config.client, server, known)
  if (config.grant === 'client_credentials')
    throw new OAuthFailure('refused', 'A client that acts for itself needs a client_id and its secret.')
  if (known !== undefined && isGood(known, config, server)) return known
  if (
    config.clientMetadataUrl !== undefined &&
    server.metadata.client_id_metadata_document_supported === true
  )
    return { issuer: server.issuer, client_id: config.clientMetadataUrl, by: 'document' }
  return register(config, server, scope)
}

function givenClient(
  { client_id, client_secret, issuer }: NonNullable<ClientConfig['client']>,
  server: ProtectedBy,
  known: Registration | undefined,
): Registration {
  const bound =
    issuer ?? (known?.by === 'given' && known.client_id === client_id ? known.issuer : server.issuer)
  if (!sameIssuer(bound, server.issuer))
    throw new OAuthFailure(
      'refused',
      'The upstream names another authorisation server than the one its client is registered with: nothing was sent to it. Give the client_id of a client of the new one.',
    )
  return {
    issuer: server.issuer,
    client_id,
    ...(client_secret === undefined ? {} : { client_secret }),
    by: 'given',
  }
}

function isGood(known: Registration, config: ClientConfig, server: ProtectedBy): boolean {
  if (!sameIssuer(known.issuer, server.issuer)) return false
  if (known.by === 'document') return known.client_id === config.clientMetadataUrl
  const over = known.expires_at_ms !== undefined && known.expires_at_ms <= config.now().getTime()
  return known.by === 'registration' && known.redirect_uri === config.redirectUri && !over
}

async function register(
  config: ClientConfig,
  server: ProtectedBy,
  scope: string | undefined,
): Promise<Registration> {
  const { issuer, metadata } = server
  if (metadata.registration_endpoint === undefined)
    throw new OAuthFailure(
      'refused',
      'The authorisation server registers no clients by itself: register one there by hand and give its client_id.',
    )
  try {
    const made = await registerClient(issuer, {
      metadata,
      clientMetadata: ownMetadata(config, metadata.token_endpoint_auth_methods_supported),
      ...(scope === undefined ? {} : { scope }),
      fetchFn: config.fetch,
    })
    const { client_id, client_secret, token_endpoint_auth_method, client_secret_expires_at = 0 } = made
    return {
      issuer,
      client_id,
      ...(client_secret === undefined ? {} : { client_secret }),
      ...(token_endpoint_auth_method === undefined ? {} : { token_endpoint_auth_method }),
      by: 'registration',
      redirect_uri: config.redirectUri,
      ...(client_secret_expires_at > 0 ? { expires_at_ms: client_secret_expires_at * 1000 } : {}),
    }
  } catch (error) {
    throw asFailure(error, 'Registering a client with the authorisation server')
  }
}

/** A server keeps its secrets: we are a confidential client wherever that is offered. */
const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'none']

function ownMetadata(config: ClientConfig, offered: string[] | undefined): OAuthClientMetadata {
  const method = offered === undefined ? AUTH_METHODS[0] : AUTH_METHODS.find((each) => offered.includes(each))
  return {
    client_name: config.clientName,
    redirect_uris: [config.redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
    // Servers that know OpenID Connect let only native applications come back to this machine.
    application_type: namesLoopback(new URL(config.redirectUri)) ? 'native' : 'web',
  }
}

/** The document that stands at `clientMetadataUrl`, for servers that read it. */
export function clientMetadataDocument(config: {
  clientMetadataUrl: string
  clientName: string
  redirectUri: string
}) {
  return {
    client_id: config.clientMetadataUrl,
    client_name: config.clientName,
    redirect_uris: [config.redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
}
