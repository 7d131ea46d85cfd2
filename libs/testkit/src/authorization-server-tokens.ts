// The token endpoint of the test authorisation server, and what the server knows.
import { createHash, randomUUID } from 'node:crypto'

export type Says = {
  accessTokenSeconds: number | undefined
  scopesSupported: string[] | undefined
  /** What the MCP server wants of a token. */
  requiredScope: string
  /** Members of the two metadata documents that are not as they should be. */
  serverMetadata: Record<string, unknown>
  resourceMetadata: Record<string, unknown>
  /** The `iss` of authorisation answers; undefined leaves it out. */
  iss: string | undefined
  /** The person says no. */
  denies: { error: string; error_description: string } | undefined
  /** Answers of the token endpoint instead of its own. */
  token: { status: number; body: string } | undefined
  /** Where any request is sent to instead. */
  redirectTo: string | undefined
}

export type Code = { client: string; redirect: string; challenge: string; scope: string; resource: string }
export type Family = { client: string; scope: string; refresh: string | undefined; access: Set<string> }
export type Clients = Map<string, { secret: string | undefined; redirects: string[] }>

export type Site = {
  url: string
  mcpUrl: string
  says: Says
  clients: Clients
  codes: Map<string, Code>
  /** By any refresh token that ever was. */
  families: Map<string, Family>
  access: Map<string, { scope: string; overAtMs: number }>
}

export type Answer = { status: number; body?: unknown; headers?: Record<string, string> }

export function token(site: Site, form: Record<string, string>, authorization: string | undefined): Answer {
  const client = authenticated(site.clients, form, authorization)
  if (client === undefined) return { status: 401, body: { error: 'invalid_client' } }
  if (form.resource !== site.mcpUrl) return { status: 400, body: { error: 'invalid_target' } }
  switch (form.grant_type) {
    case 'client_credentials':
      return { status: 200, body: issue(site, newFamily(client, form.scope ?? ''), false) }
    case 'authorization_code':
      return ofCode(site, client, form)
    case 'refresh_token':
      return ofRefresh(site, client, form)
    default:
      return { status: 400, body: { error: 'unsupported_grant_type' } }
  }
}

function ofCode(site: Site, client: string, form: Record<string, string>): Answer {
  const code = site.codes.get(form.code ?? '')
  site.codes.delete(form.code ?? '')
  const proven = createHash('sha256')
    .update(form.code_verifier ?? '')
    .digest('base64url')
  const good = code?.client === client && code.redirect === form.redirect_uri && code.challenge === proven
  if (!good) return { status: 400, body: { error: 'invalid_grant' } }
  return { status: 200, body: issue(site, newFamily(client, code.scope), true) }
}

function ofRefresh(site: Site, client: string, { refresh_token = '' }: Record<string, string>): Answer {
  const family = site.families.get(refresh_token)
  if (family?.client === client && family.refresh === refresh_token)
    return { status: 200, body: issue(site, family, true) }
  // Used before: somebody has stolen it, or uses it twice.
  if (family !== undefined) {
    family.refresh = undefined
    for (const each of family.access) site.access.delete(each)
  }
  return { status: 400, body: { error: 'invalid_grant', error_description: 'unknown or used before' } }
}

function newFamily(client: string, scope: string): Family {
  return { client, scope, refresh: undefined, access: new Set() }
}

function issue(site: Site, family: Family, renewable: boolean) {
  const access_token = `access-${randomUUID()}`
  const seconds = site.says.accessTokenSeconds
  site.access.set(access_token, { scope: family.scope, overAtMs: Date.now() + (seconds ?? 3600) * 1000 })
  family.access.add(access_token)
  if (renewable) {
    family.refresh = `refresh-${randomUUID()}`
    site.families.set(family.refresh, family)
  }
  return {
    access_token,
    token_type: 'Bearer',
    scope: family.scope,
    ...(seconds === undefined ? {} : { expires_in: seconds }),
    ...(family.refresh === undefined ? {} : { refresh_token: family.refresh }),
  }
}

function authenticated(
  clients: Clients,
  form: Record<string, string>,
  authorization: string | undefined,
): string | undefined {
  const basic = /^Basic (.+)$/.exec(authorization ?? '')?.[1]
  const [id = '', secret] =
    basic === undefined
      ? [form.client_id, form.client_secret]
      : Buffer.from(basic, 'base64').toString().split(':')
  const client = clients.get(id)
  return client !== undefined && client.secret === secret ? id : undefined
}
