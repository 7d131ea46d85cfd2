// The public keys of whoever issues tokens, where its metadata says that they are.
import { createRemoteJWKSet, customFetch, type FetchImplementation, type JWTVerifyGetKey } from 'jose'
import type { Fetch } from './egress.ts'
import { OAuthFailure } from './failures.ts'

/** An unknown key, or a failure, is no reason to ask again sooner. */
const COOLDOWN_MS = 30_000
/** A key that was withdrawn is not trusted for longer. */
const MAX_AGE_MS = 10 * 60_000
const TIMEOUT_MS = 10_000

export type KeysOf = { issuer: string; jwksUrl?: string | undefined; fetch: Fetch }

/** The key for a token by its header, fetched when first asked for. What the header itself says of keys is not read. */
export function issuerKeys(of: KeysOf): JWTVerifyGetKey {
  let failure: { atMs: number; error: unknown } | undefined
  const fetchKeys: FetchImplementation = async (_url, { signal }) => {
    if (failure !== undefined && Date.now() - failure.atMs < COOLDOWN_MS) throw failure.error
    try {
      const url = of.jwksUrl ?? (await jwksUrlOf(of, signal))
      const keys = await document(of.fetch, url, signal)
      if (keys === undefined) throw new OAuthFailure('unreachable', 'There are no keys of the issuer.')
      failure = undefined
      return Response.json(keys)
    } catch (error) {
      failure = { atMs: Date.now(), error }
      throw error
    }
  }
  return createRemoteJWKSet(new URL(of.jwksUrl ?? of.issuer), {
    [customFetch]: fetchKeys,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
    timeoutDuration: TIMEOUT_MS,
  })
}

async function jwksUrlOf({ issuer, fetch }: KeysOf, signal: AbortSignal): Promise<string> {
  for (const url of metadataUrls(issuer)) {
    const found = await document(fetch, url, signal)
    if (found === undefined) continue
    if (found.issuer !== issuer)
      throw new OAuthFailure('refused', 'The metadata of the issuer is that of another one.')
    if (typeof found.jwks_uri !== 'string' || !URL.canParse(found.jwks_uri))
      throw new OAuthFailure('refused', 'The metadata of the issuer does not say where its keys are.')
    return found.jwks_uri
  }
  throw new OAuthFailure('unreachable', 'The issuer has no metadata.')
}

/** RFC 8414, then OpenID Connect Discovery; what it appends to the path is tried last. */
function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  const urls = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ]
  return [...new Set(urls)]
}

/** A JSON object; undefined where there is none. */
async function document(
  fetch: Fetch,
  url: string,
  signal: AbortSignal,
): Promise<Record<string, unknown> | undefined> {
  const response = await fetch(url, { headers: { accept: 'application/json' }, signal })
  if (response.status >= 500)
    throw new OAuthFailure('unreachable', `The issuer answers with status ${response.status}.`)
  if (response.status !== 200) return undefined
  const found = await response.json().catch(() => undefined)
  if (typeof found === 'object' && found !== null && !Array.isArray(found))
    return found as Record<string, unknown>
  throw new OAuthFailure('refused', 'The issuer answers with what is no JSON object.')
}
