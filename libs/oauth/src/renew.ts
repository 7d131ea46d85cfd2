// A token that is over or was refused: another one without a person, or why a person is needed.
import { OAuthError, OAuthErrorCode, refreshAuthorization } from '@modelcontextprotocol/client'
import type { Authorization, ClientConfig, ProtectedBy } from './authorization.ts'
import { issuerOf, ofServer } from './authorize.ts'
import { parseChallenge, type Challenge } from './challenge.ts'
import { discover } from './discovery.ts'
import { clientFor } from './registration.ts'
import { isCovered, isFixed, scopeToAsk } from './scopes.ts'
import { clientOptions, ownTokens, tokensFrom } from './tokens.ts'
import { asFailure } from './sdk-errors.ts'

export type Renewal = {
  /** To be kept in either case. Without tokens when those there were are worth nothing any more. */
  authorization: Authorization
  /** Why a person must authorise, as a sentence; null when the tokens are new. */
  needsPerson: string | null
}

/** `challenge` is the header that the upstream refused the token with; absent when the token is merely over. */
export async function renewTokens(
  config: ClientConfig,
  known: Authorization,
  challenge?: string,
): Promise<Renewal> {
  const told = parseChallenge(challenge)
  // A refusal may mean that somebody else protects the upstream now.
  const server =
    challenge === undefined && known.server !== undefined
      ? known.server
      : await discover(config, told, issuerOf(config, known))
  const authorization = ofServer(known, server)
  if (told.error === 'insufficient_scope') return widen(config, authorization, server, told)
  return config.grant === 'client_credentials'
    ? askAnew(config, authorization, server, told)
    : refresh(config, authorization, server)
}

/** More than was granted is only given by whoever grants. */
async function widen(
  config: ClientConfig,
  authorization: Authorization,
  server: ProtectedBy,
  told: Challenge,
): Promise<Renewal> {
  const before = authorization.requested_scope
  if (isCovered(told.scope, before))
    return {
      authorization,
      needsPerson:
        'The upstream wants more rights than the authorisation gave, though they were asked for: they have to be granted there, and then it has to be authorised again.',
    }
  if (isFixed(config))
    return {
      authorization,
      needsPerson:
        'The upstream wants more rights than the scope in its settings: name them there if it may have them, and authorise it again.',
    }
  if (config.grant === 'client_credentials') return askAnew(config, authorization, server, told)
  const wanted = scopeToAsk(config, server, told, before)
  return {
    authorization: { ...authorization, ...(wanted === undefined ? {} : { requested_scope: wanted }) },
    needsPerson: 'The upstream wants more rights for this than were granted: authorise it again.',
  }
}

async function askAnew(
  config: ClientConfig,
  authorization: Authorization,
  server: ProtectedBy,
  told: Challenge,
): Promise<Renewal> {
  const scope = scopeToAsk(config, server, told, authorization.requested_scope)
  const client = await clientFor(config, server, authorization, scope)
  const tokens = await ownTokens(config, server, client, scope)
  return {
    authorization: {
      ...authorization,
      client,
      tokens,
      ...(scope === undefined ? {} : { requested_scope: scope }),
    },
    needsPerson: null,
  }
}

async function refresh(
  config: ClientConfig,
  authorization: Authorization,
  server: ProtectedBy,
): Promise<Renewal> {
  const { tokens, client, ...rest } = authorization
  if (tokens?.refresh_token === undefined || client === undefined)
    return needsPerson(
      { ...rest, ...(client === undefined ? {} : { client }) },
      'The authorisation is over and cannot be renewed',
    )
  try {
    const renewed = await refreshAuthorization(server.issuer, {
      ...clientOptions(config, server, client),
      refreshToken: tokens.refresh_token,
    })
    return {
      authorization: { ...authorization, tokens: tokensFrom(renewed, server, config, tokens.scope) },
      needsPerson: null,
    }
  } catch (error) {
    const code = error instanceof OAuthError ? error.code : undefined
    if (code === OAuthErrorCode.InvalidGrant)
      return needsPerson({ ...rest, client }, 'The authorisation was withdrawn or has been over for too long')
    if (code === OAuthErrorCode.InvalidClient || code === OAuthErrorCode.UnauthorizedClient)
      return needsPerson(
        client.by === 'given' ? { ...rest, client } : rest,
        'The authorisation server does not know our client any more',
      )
    throw asFailure(error, 'Renewing the token')
  }
}

function needsPerson(authorization: Authorization, why: string): Renewal {
  return { authorization, needsPerson: `${why}: authorise the upstream again.` }
}
