// The authorisation of an upstream: begun by us, given by a person, finished by us. Or, with client credentials, at once.
import { randomBytes } from 'node:crypto'
import {
  exchangeAuthorization,
  startAuthorization,
  validateAuthorizationResponseIssuer,
} from '@modelcontextprotocol/client'
import type { Authorization, ClientConfig, Pending, ProtectedBy } from './authorization.ts'
import { parseChallenge, probe } from './challenge.ts'
import { discover } from './discovery.ts'
import { OAuthFailure, plain } from './failures.ts'
import { clientFor } from './registration.ts'
import { scopeToAsk } from './scopes.ts'
import { clientOptions, ownTokens, tokensFrom } from './tokens.ts'
import { asFailure } from './sdk-errors.ts'

/**
 * `authorizationUrl` is for the person's browser, and null when none is needed. Without a challenge the server is asked
 * for one.
 */
export async function beginAuthorization(
  config: ClientConfig,
  known: Authorization,
  challenge?: string,
): Promise<{ authorizationUrl: string | null; authorization: Authorization }> {
  const told = challenge === undefined ? await probe(config) : parseChallenge(challenge)
  const server = await discover(config, told, issuerOf(config, known))
  const authorization = ofServer(known, server)
  const scope = scopeToAsk(config, server, told, authorization.requested_scope)
  const client = await clientFor(config, server, authorization, scope)
  const asked = { ...authorization, client, ...(scope === undefined ? {} : { requested_scope: scope }) }
  if (config.grant === 'client_credentials')
    return {
      authorizationUrl: null,
      authorization: { ...asked, tokens: await ownTokens(config, server, client, scope) },
    }

  requirePkce(server)
  const state = randomBytes(32).toString('base64url')
  const { authorizationUrl, codeVerifier } = await startAuthorization(server.issuer, {
    metadata: server.metadata,
    clientInformation: client,
    redirectUrl: config.redirectUri,
    state,
    resource: server.resource,
    ...(scope === undefined ? {} : { scope }),
  }).catch((error: unknown) => {
    throw asFailure(error, 'Asking the authorisation server')
  })
  const pending = { state, code_verifier: codeVerifier, redirect_uri: config.redirectUri, server, client }
  return { authorizationUrl: authorizationUrl.href, authorization: { ...asked, pending } }
}

/** The parameters that the person came back with. */
export type Callback = {
  state?: string | undefined
  code?: string | undefined
  iss?: string | undefined
  error?: string | undefined
  error_description?: string | undefined
}

/** Whatever is wrong with the answer, the code in it is sent nowhere. */
export async function finishAuthorization(
  config: ClientConfig,
  authorization: Authorization,
  callback: Callback,
): Promise<Authorization> {
  const { pending, ...known } = authorization
  if (pending === undefined || callback.state !== pending.state)
    throw new OAuthFailure('refused', 'This answer belongs to no authorisation that was begun.')
  checkIssuer(pending, callback.iss)
  if (callback.error !== undefined) throw ofAnswer(callback.error, callback.error_description)
  if (callback.code === undefined)
    throw new OAuthFailure('refused', 'The authorisation server answered with neither a code nor an error.')
  const { server, client } = pending
  try {
    const tokens = await exchangeAuthorization(server.issuer, {
      ...clientOptions(config, server, client),
      authorizationCode: callback.code,
      codeVerifier: pending.code_verifier,
      redirectUri: pending.redirect_uri,
      ...(callback.iss === undefined ? {} : { iss: callback.iss }),
    })
    return { ...known, server, client, tokens: tokensFrom(tokens, server, config, known.requested_scope) }
  } catch (error) {
    throw asFailure(error, 'Exchanging the code for tokens')
  }
}

/** RFC 9207: an answer of another server than the one that was asked (mix-up) is not even read. */
function checkIssuer({ server }: Pending, iss: string | undefined): void {
  try {
    validateAuthorizationResponseIssuer({
      iss,
      expectedIssuer: server.issuer,
      issParameterSupported: server.metadata.authorization_response_iss_parameter_supported === true,
    })
  } catch (cause) {
    throw new OAuthFailure(
      'refused',
      'The answer is not from the authorisation server that was asked.',
      cause,
    )
  }
}

function ofAnswer(error: string, description: string | undefined): OAuthFailure {
  const words = plain(description)
  const told = words === '' ? plain(error) : `${plain(error)}: ${words}`
  return new OAuthFailure('denied', `The authorisation server did not authorise (${told}).`)
}

/** A server that does not say that it supports PKCE with S256 does not: a stolen code would be worth something. */
function requirePkce({ metadata }: ProtectedBy): void {
  if (metadata.code_challenge_methods_supported?.includes('S256') === true) return
  throw new OAuthFailure('refused', 'The authorisation server does not support PKCE with S256.')
}

/** What is kept when this server protects the upstream: nothing that is another's. */
export function ofServer(known: Authorization, server: ProtectedBy): Authorization {
  const { pending: _, ...rest } = known
  const before = known.tokens?.issuer ?? known.server?.issuer
  if (before === undefined || before === server.issuer) return { ...rest, server }
  // A client that was given is kept, for its issuer: that is how it is not given to another.
  return known.client?.by === 'given' ? { client: known.client, server } : { server }
}

export function issuerOf(config: ClientConfig, known: Authorization): string | undefined {
  return config.client?.issuer ?? known.tokens?.issuer ?? known.client?.issuer
}
