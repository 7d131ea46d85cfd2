// Bearer tokens of a project's own authorisation server (OAuth 2.1, RFC 9068): who asks, or nobody. Whatever is not
// exactly as it has to be is nobody's.
import { createHash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { LRUCache } from 'lru-cache'
import type { TokenIssuer } from '@mcpshield/contracts/projects'
import { egressFetch, type Lookup } from '@mcpshield/oauth/egress'
import type { EgressBound } from '@mcpshield/oauth/egress-bound'
import { issuerKeys } from '@mcpshield/oauth/issuer-keys'
import { issuerTerms } from '@mcpshield/pdp/current-credential'
import type { Credential, ProjectPolicy } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'

export type Bearer = {
  /** Whose token it is, if the project takes it. */
  credential(token: string, project: ProjectPolicy, now: Date): Promise<Credential | undefined>
}

export type BearerOptions = {
  /** Where clients reach the gateway, without a slash at its end. */
  publicUrl: string
  log: Log
  /** How hosts of issuers are looked up; as the system does when absent. */
  lookup?: Lookup
  /** The operator's, of where their keys may be. */
  bound?: EgressBound | undefined
}

/** Signatures by a key pair only: a public key is no secret to sign with. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
const TYPES = new Set(['at+jwt', 'application/at+jwt', 'jwt'])
const MAX_TOKEN_BYTES = 16 * 1024
const MAX_AGE_SECONDS = 24 * 3600
const CLOCK_TOLERANCE_SECONDS = 5
/** How long a verified token is known: no longer than a key switch takes anywhere else to be noticed. */
const KNOWN_MS = 60_000
const MAX_KNOWN = 10_000
const MAX_ISSUERS = 1_000

type Known = { credential: Credential; terms: string; untilMs: number }

export function openBearer({ publicUrl, log, lookup, bound }: BearerOptions): Bearer {
  const known = new LRUCache<string, Known>({ max: MAX_KNOWN })
  const keys = new LRUCache<string, JWTVerifyGetKey>({ max: MAX_ISSUERS })
  const told = new WeakSet<object>()
  const tell = (error: object, issuer: string) => {
    // One failure stands for all tokens of the next while.
    if (told.has(error)) return
    told.add(error)
    log.warn({ err: error, issuer }, 'the keys of a token issuer cannot be had')
  }

  const keysOf = ({ issuer, jwks_url }: TokenIssuer): JWTVerifyGetKey => {
    const name = JSON.stringify([issuer, jwks_url])
    const found = keys.get(name)
    if (found !== undefined) return found
    const own = jwks_url ?? issuer
    const fetch = egressFetch({ own, bound, ...(lookup === undefined ? {} : { lookup }) })
    const made = issuerKeys({ issuer, jwksUrl: jwks_url, fetch })
    keys.set(name, made)
    return made
  }

  return {
    async credential(token, { snapshot }, now) {
      const { token_issuer: trusted, project_id, org_id } = snapshot
      if (!trusted || token.length > MAX_TOKEN_BYTES) return undefined
      const audience = resourceUrl(publicUrl, project_id)
      // A change of any of these ends what is known at once.
      const terms = JSON.stringify([trusted, audience, org_id])
      const digest = sha256(token)
      const before = known.get(digest)
      if (before?.terms === terms && before.untilMs > now.getTime()) return before.credential
      if (!isCandidate(token, trusted, audience)) return undefined
      const claims = await verify(token, keysOf(trusted), { trusted, audience, now, tell })
      if (claims === undefined) return undefined
      const credential = { project_id, org_id, ...personOf(claims, trusted, project_id) }
      const untilMs = Math.min(Date.parse(credential.expires_at), now.getTime() + KNOWN_MS)
      known.set(digest, { credential, terms, untilMs })
      return credential
    },
  }
}

/** The MCP endpoint of a project, by which tokens are made for it (RFC 8707). */
export function resourceUrl(publicUrl: string, projectId: string): string {
  return `${publicUrl}/p/${projectId}/mcp`
}

/** What can be told without a key: nobody is asked anything for a token that is not even meant to be good here. */
function isCandidate(token: string, { issuer }: TokenIssuer, audience: string): boolean {
  try {
    const { alg, typ } = decodeProtectedHeader(token)
    const { iss, aud } = decodeJwt(token)
    return (
      ALGORITHMS.includes(alg ?? '') &&
      TYPES.has(String(typ).toLowerCase()) &&
      iss === issuer &&
      [aud].flat().includes(audience)
    )
  } catch {
    return false
  }
}

type Terms = {
  trusted: TokenIssuer
  audience: string
  now: Date
  tell(error: object, issuer: string): void
}
type Claims = JWTPayload & { sub: string; exp: number; iat: number }

async function verify(
  token: string,
  keys: JWTVerifyGetKey,
  { trusted, audience, now, tell }: Terms,
): Promise<Claims | undefined> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ALGORITHMS,
      issuer: trusted.issuer,
      audience,
      requiredClaims: ['exp', 'iat', 'sub'],
      maxTokenAge: MAX_AGE_SECONDS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    })
    return isAccessToken(payload) ? payload : undefined
  } catch (error) {
    // Errors of the token itself have a code; without one the keys could not be had.
    const { code } = error as { code?: unknown }
    const ofToken = typeof code === 'string' && code.startsWith('ERR_J') && code !== 'ERR_JOSE_GENERIC'
    if (!ofToken) tell(error as object, trusted.issuer)
    return undefined
  }
}

/** Claims that only ID tokens have: those are for the client that asked for them. */
const OF_ID_TOKENS = ['nonce', 'at_hash', 'c_hash', 's_hash']

function isAccessToken(claims: JWTPayload): claims is Claims {
  if (typeof claims.sub !== 'string' || claims.sub === '') return false
  if (OF_ID_TOKENS.some((name) => Object.hasOwn(claims, name)) || claims['token_use'] === 'id') return false
  // Bound to a key of the client's, which nothing here proves it has.
  return !Object.hasOwn(claims, 'cnf')
}

const MAX_GROUPS = 1_000

function personOf(claims: Claims, trusted: TokenIssuer, projectId: string) {
  const { issuer, groups_claim = 'groups' } = trusted
  // Not known is something else than none.
  const groups = Object.hasOwn(claims, groups_claim) ? textsOf(claims[groups_claim]) : undefined
  return {
    key_id: null,
    issuer_terms: issuerTerms(trusted),
    // Of this project alone: nothing of a person's there is reached from here.
    subject: sha256(`${projectId}\n${issuer}\n${claims.sub}`),
    name: 'token',
    labels: [],
    upstreams: null,
    expires_at: new Date(Math.min(claims.exp, claims.iat + MAX_AGE_SECONDS) * 1000).toISOString(),
    user: userOf(claims),
    ...(groups === undefined ? {} : { groups }),
  }
}

/** What rules call the person: an address only if it is verified, or nobody says that it is not. */
function userOf({ sub, ...claims }: Claims): string {
  const { email, email_verified = true, preferred_username: name } = claims
  if (typeof email === 'string' && email !== '' && email_verified === true) return email
  // People may choose this name themselves: one that looks like an address would be taken for it.
  return typeof name === 'string' && name !== '' && !name.includes('@') ? name : sub
}

/** Undefined where it is not a list of all of them. */
function textsOf(value: unknown): string[] | undefined {
  const list: unknown[] = typeof value === 'string' ? [value] : Array.isArray(value) ? value : []
  const isList = typeof value === 'string' || Array.isArray(value)
  if (!isList || list.length > MAX_GROUPS) return undefined
  return list.filter((each) => typeof each === 'string')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
