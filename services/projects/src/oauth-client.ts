// Who we are to the authorisation servers of upstreams, and what their failures are to our callers.
import { AppError } from '@mcpshield/contracts/errors'
import type { ClientConfig } from '@mcpshield/oauth/authorization'
import { egressFetch, type Lookup } from '@mcpshield/oauth/egress'
import type { EgressBound } from '@mcpshield/oauth/egress-bound'
import { OAuthFailure } from '@mcpshield/oauth/failures'
import type { OAuthSettings } from './oauth-settings.ts'

export const CLIENT_NAME = 'MCPShield'

export type OAuthClientDeps = {
  /** Where people and authorisation servers reach the API, without a slash at its end. */
  apiUrl: string
  /** How hosts are looked up; as the system does when absent. */
  lookup?: Lookup
  /** The operator's, of where authorisation servers may be. */
  bound?: EgressBound | undefined
  now(): Date
}

export function redirectUri({ apiUrl }: Pick<OAuthClientDeps, 'apiUrl'>): string {
  return `${apiUrl}/oauth/callback`
}

/** The address of our client metadata document; undefined where other servers cannot read it. */
export function clientMetadataUrl({ apiUrl }: Pick<OAuthClientDeps, 'apiUrl'>): string | undefined {
  return apiUrl.startsWith('https:') ? `${apiUrl}/oauth/client-metadata` : undefined
}

/** `withinMs` bounds everything that is asked with it. */
export function clientConfig(
  deps: OAuthClientDeps,
  serverUrl: string,
  { grant, client_id, client_secret, scope }: OAuthSettings,
  withinMs: number,
): ClientConfig {
  const document = clientMetadataUrl(deps)
  const { lookup, bound, now } = deps
  const signal = AbortSignal.timeout(withinMs)
  return {
    serverUrl,
    grant,
    redirectUri: redirectUri(deps),
    clientName: CLIENT_NAME,
    ...(document === undefined ? {} : { clientMetadataUrl: document }),
    ...(client_id === null
      ? {}
      : { client: { client_id, ...(client_secret === null ? {} : { client_secret }) } }),
    ...(scope === null ? {} : { scope }),
    fetch: egressFetch({ own: serverUrl, signal, bound, ...(lookup === undefined ? {} : { lookup }) }),
    now,
  }
}

/** `lasting` is the code of what does not mend itself. Anything that is no such failure is a bug, and passes. */
export function asAppError(error: unknown, lasting: 'INVALID_ARGUMENT' | 'EXPIRED'): unknown {
  if (!(error instanceof OAuthFailure)) return error
  const cause = error
  if (error.kind === 'unreachable') return new AppError('UNAVAILABLE', error.message, { cause })
  const advice = lasting === 'EXPIRED' ? ' When that is mended, authorise the upstream again.' : ''
  return new AppError(lasting, error.message + advice, { cause })
}
