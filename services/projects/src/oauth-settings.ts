// An upstream behind OAuth: what an administrator says of it, and what its authorisation gave. Sealed but for what may be
// shown.
import type { EntityManager } from '@mikro-orm/postgresql'
import { AppError, type FieldError } from '@mcpshield/contracts/errors'
import type { Input } from '@mcpshield/contracts/define'
import type { projects, Upstream } from '@mcpshield/contracts/projects'
import type { Authorization, Grant } from '@mcpshield/oauth/authorization'
import type { z } from 'zod'
import { UpstreamAuthorizationRow, type UpstreamRow } from './entities.ts'
import type { Secrets } from './secrets.ts'

export type OAuthSettings = {
  grant: Grant
  /** Of a client registered by hand. */
  client_id: string | null
  client_secret: string | null
  scope: string | null
}

export type UpstreamOAuth = { settings: OAuthSettings; authorization: Authorization }

/** Of how an upstream is reached, what its authorisation depends on. */
type Reach = { transport: string; url: string | null; headers: Record<string, string> }

type Sealed = { client_secret: string | null; authorization: Authorization }
type Given = Input<typeof projects.rpc.createUpstream>['oauth']

/** Not the place of the upstream's other secrets: neither opens as the other. */
const placeOf = (upstreamId: string) => `upstreams/${upstreamId}/oauth`

export async function openOAuth(
  em: EntityManager,
  secrets: Secrets,
  row: UpstreamRow,
): Promise<UpstreamOAuth | null> {
  if (!row.oauth_grant || !row.sealed_oauth) return null
  const { client_secret, authorization } = (await secrets.open(
    em,
    row.org_id,
    placeOf(row.id),
    row.sealed_oauth,
  )) as Sealed
  const { oauth_grant: grant, oauth_client_id = null, oauth_scope = null } = row
  return { settings: { grant, client_id: oauth_client_id, client_secret, scope: oauth_scope }, authorization }
}

/** The columns of an upstream for this; for null those of one that is not behind OAuth. */
export async function oauthColumns(
  em: EntityManager,
  secrets: Secrets,
  { id, org_id }: { id: string; org_id: string },
  oauth: UpstreamOAuth | null,
) {
  if (oauth === null)
    return {
      oauth_grant: null,
      oauth_client_id: null,
      oauth_scope: null,
      oauth_state: null,
      oauth_expires_at: null,
      sealed_oauth: null,
    }
  const { grant, client_id, client_secret, scope } = oauth.settings
  const { pending: _, ...authorization } = oauth.authorization
  const expiresAtMs = authorization.tokens?.expires_at_ms
  const needsPerson = grant === 'authorization_code' && authorization.tokens === undefined
  return {
    oauth_grant: grant,
    oauth_client_id: client_id,
    oauth_scope: scope,
    oauth_state: needsPerson ? ('needs_authorization' as const) : ('authorized' as const),
    oauth_expires_at: expiresAtMs === undefined ? null : new Date(expiresAtMs),
    sealed_oauth: await secrets.seal(em, org_id, placeOf(id), { client_secret, authorization }),
  }
}

export function shownOAuth(row: UpstreamRow): z.infer<typeof Upstream>['oauth'] {
  if (!row.oauth_grant || !row.oauth_state) return null
  return {
    grant: row.oauth_grant,
    client_id: row.oauth_client_id ?? null,
    scope: row.oauth_scope ?? null,
    state: row.oauth_state,
    expires_at: row.oauth_expires_at?.toISOString() ?? null,
  }
}

/** What is not given stays, null takes it away. A secret is never shown, so the client it belongs to keeps it. */
export function changedSettings(before: OAuthSettings | null, given: Given): OAuthSettings | null {
  if (given === undefined) return before
  if (given === null) return null
  const { grant, client_id = null, client_secret, scope = null } = given
  const keptSecret = before !== null && before.client_id === client_id ? before.client_secret : null
  return { grant, client_id, client_secret: client_secret ?? keptSecret, scope }
}

export function sameSettings(one: OAuthSettings | null, other: OAuthSettings | null): boolean {
  return JSON.stringify(inOrder(one)) === JSON.stringify(inOrder(other))
}

function inOrder(settings: OAuthSettings | null) {
  return settings && [settings.grant, settings.client_id, settings.client_secret, settings.scope]
}

/**
 * The columns of an upstream's authorisation after a change. Tokens are for one URL, by one client: at another they would
 * be told to a stranger.
 */
export async function changedOAuth(
  em: EntityManager,
  secrets: Secrets,
  row: UpstreamRow,
  { before, reach, oauth }: { before: Reach; reach: Reach; oauth: Given },
) {
  const now = await openOAuth(em, secrets, row)
  const left = before.transport !== 'stdio' && reach.transport === 'stdio'
  const settings = changedSettings(left ? null : (now?.settings ?? null), oauth)
  checkSettings(reach, settings)
  if (before.url === reach.url && sameSettings(now?.settings ?? null, settings)) return {}
  await em.nativeDelete(UpstreamAuthorizationRow, { upstream_id: row.id })
  return oauthColumns(em, secrets, row, settings && { settings, authorization: stillBound(now, settings) })
}

/**
 * What is left of an authorisation after a change: a client registered by hand, for the server that has taken it. The
 * secret is told to no other that a changed upstream may name.
 */
export function stillBound(before: UpstreamOAuth | null, settings: OAuthSettings): Authorization {
  const { client, tokens } = before?.authorization ?? {}
  const isSame =
    before?.settings.client_id === settings.client_id &&
    before.settings.client_secret === settings.client_secret
  return isSame && client?.by === 'given' && tokens !== undefined ? { client } : {}
}

/** VSCHAR and scope-token of RFC 6749, appendix A. */
const CLIENT_TEXT = /^[\x20-\x7e]+$/
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/

export function checkSettings(
  reach: Pick<Reach, 'transport' | 'headers'>,
  settings: OAuthSettings | null,
): void {
  if (settings === null) return
  const errors: FieldError[] = []
  const wrong = (path: string, message: string) => errors.push({ path, message })
  const { grant, client_id, client_secret, scope } = settings
  if (reach.transport === 'stdio') wrong('oauth', 'is for the transports http and sse')
  if (Object.keys(reach.headers).some((name) => name.toLowerCase() === 'authorization'))
    wrong('headers.authorization', 'is set by the gateway itself where there is oauth')
  if (grant === 'client_credentials' && client_id === null)
    wrong('oauth.client_id', 'is needed for the grant client_credentials')
  if (grant === 'client_credentials' && client_secret === null)
    wrong('oauth.client_secret', 'is needed for the grant client_credentials')
  if (client_id === null && client_secret !== null) wrong('oauth.client_id', 'is needed with a client_secret')
  if (client_id !== null && !CLIENT_TEXT.test(client_id)) wrong('oauth.client_id', 'must be printable ASCII')
  if (client_secret !== null && !CLIENT_TEXT.test(client_secret))
    wrong('oauth.client_secret', 'must be printable ASCII')
  if (scope !== null && !SCOPE.test(scope)) wrong('oauth.scope', 'must be scopes separated by one space each')
  if (errors.length > 0) throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors })
}
