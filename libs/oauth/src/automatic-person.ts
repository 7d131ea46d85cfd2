// Tokens for a client that stands alone: kept in memory, and authorised by a person who agrees to everything. For tests,
// and for checking the client against other programs.
import type { Authorization, ClientConfig } from './authorization.ts'
import { beginAuthorization, finishAuthorization, type Callback } from './authorize.ts'
import { OAuthFailure } from './failures.ts'
import { renewTokens } from './renew.ts'

export type LoneTokens = {
  token(): Promise<string>
  /** Another token than the one that was refused with this WWW-Authenticate header. */
  renew(refused: string, challenge: string | undefined): Promise<string>
}

export function tokensOfAutomaticPerson(config: ClientConfig): LoneTokens {
  let authorization: Authorization = {}
  let turn: Promise<unknown> = Promise.resolve()
  /** One after the other: a refresh token is used once. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }
  const authorize = async (challenge?: string): Promise<string> => {
    const begun = await beginAuthorization(config, authorization, challenge)
    authorization =
      begun.authorizationUrl === null
        ? begun.authorization
        : await finishAuthorization(config, begun.authorization, await agree(config, begun.authorizationUrl))
    return accessToken()
  }
  const accessToken = (): string => {
    if (authorization.tokens === undefined) throw new OAuthFailure('refused', 'There is no token.')
    return authorization.tokens.access_token
  }
  return {
    token: () => inTurn(async () => authorization.tokens?.access_token ?? (await authorize())),
    renew: (refused, challenge = '') =>
      inTurn(async () => {
        if (authorization.tokens !== undefined && authorization.tokens.access_token !== refused)
          return accessToken()
        const wanted = authorization.requested_scope
        const renewal = await renewTokens(config, authorization, challenge)
        authorization = renewal.authorization
        if (renewal.needsPerson === null) return accessToken()
        // What was asked for already would be refused again, and again.
        const hopeless = authorization.tokens !== undefined && authorization.requested_scope === wanted
        if (hopeless) throw new OAuthFailure('refused', renewal.needsPerson)
        return authorize(challenge)
      }),
  }
}

/** Follows the authorisation server to where it sends the person back to. */
async function agree({ fetch, redirectUri }: ClientConfig, authorizationUrl: string): Promise<Callback> {
  const response = await fetch(authorizationUrl)
  const location = response.headers.get('location')
  const back = location === null ? undefined : new URL(location, authorizationUrl)
  if (back === undefined || !back.href.startsWith(redirectUri))
    throw new OAuthFailure('refused', 'The authorisation server did not send the person back.')
  return Object.fromEntries(back.searchParams)
}
