// Tokens from a token endpoint, and what is sent along to get them.
import {
  createPrivateKeyJwtAuth,
  fetchToken,
  type AddClientAuthentication,
  type OAuthClientInformationMixed,
  type OAuthTokens,
} from '@modelcontextprotocol/client'
import type { ClientConfig, ProtectedBy, Registration, Tokens } from './authorization.ts'
import { OAuthFailure } from './failures.ts'
import { asFailure } from './sdk-errors.ts'

/** Longer lives are taken for this one: a number that is no time would be no end at all. */
const LONGEST_LIFE_SECONDS = 10 * 365 * 86_400

/** What every request to the token endpoint has in common. */
export function clientOptions(config: ClientConfig, server: ProtectedBy, client: Registration) {
  const addClientAuthentication = signerOf(config)
  return {
    metadata: server.metadata,
    clientInformation: client as OAuthClientInformationMixed,
    resource: server.resource,
    fetchFn: config.fetch,
    ...(addClientAuthentication === undefined ? {} : { addClientAuthentication }),
  }
}

function signerOf({ client }: ClientConfig): AddClientAuthentication | undefined {
  if (client?.private_key === undefined) return undefined
  const { pem, algorithm } = client.private_key
  return createPrivateKeyJwtAuth({
    issuer: client.client_id,
    subject: client.client_id,
    privateKey: pem,
    alg: algorithm,
  })
}

/** Tokens by the grant client_credentials: the client for itself. */
export async function ownTokens(
  config: ClientConfig,
  server: ProtectedBy,
  client: Registration,
  scope: string | undefined,
): Promise<Tokens> {
  const { metadata, clientInformation, resource, fetchFn, addClientAuthentication } = clientOptions(
    config,
    server,
    client,
  )
  const unused = () => {
    throw new Error('this grant needs no person')
  }
  try {
    const tokens = await fetchToken(
      {
        redirectUrl: undefined,
        clientMetadata: { redirect_uris: [] },
        clientInformation: () => ({ ...clientInformation, issuer: server.issuer }),
        prepareTokenRequest: (wanted) =>
          new URLSearchParams({ grant_type: 'client_credentials', ...(wanted ? { scope: wanted } : {}) }),
        tokens: () => undefined,
        saveTokens: unused,
        redirectToAuthorization: unused,
        saveCodeVerifier: unused,
        codeVerifier: unused,
        ...(addClientAuthentication === undefined ? {} : { addClientAuthentication }),
      },
      server.issuer,
      { metadata, resource, fetchFn, ...(scope === undefined ? {} : { scope }) },
    )
    return tokensFrom(tokens, server, config, scope)
  } catch (error) {
    throw asFailure(error, 'Asking for a token as the client itself')
  }
}

export function tokensFrom(
  { access_token, refresh_token, scope, expires_in, token_type }: OAuthTokens,
  server: ProtectedBy,
  { now }: Pick<ClientConfig, 'now'>,
  asked: string | undefined,
): Tokens {
  // Any other kind is worth nothing without a key, or is no access token at all.
  if (token_type.toLowerCase() !== 'bearer')
    throw new OAuthFailure('refused', 'The authorisation server gave a token that is no bearer token.')
  if (!/^[\x21-\x7e]{1,16384}$/.test(access_token))
    throw new OAuthFailure('refused', 'The authorisation server gave a token that no header can carry.')
  const granted = scope ?? asked
  const lifeSeconds =
    expires_in === undefined ? undefined : Math.min(Math.max(expires_in, 0), LONGEST_LIFE_SECONDS)
  const issuedAtMs = now().getTime()
  return {
    issuer: server.issuer,
    access_token,
    ...(refresh_token === undefined ? {} : { refresh_token }),
    ...(granted === undefined ? {} : { scope: granted }),
    issued_at_ms: issuedAtMs,
    ...(lifeSeconds === undefined ? {} : { expires_at_ms: issuedAtMs + lifeSeconds * 1000 }),
  }
}
