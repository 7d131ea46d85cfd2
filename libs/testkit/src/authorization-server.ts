// A small OAuth 2.1 authorisation server with one MCP server behind it, as strict as a good one: PKCE, exact redirects,
// resource indicators, refresh tokens that end their whole family when used twice. What it says can be changed.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { token, type Answer, type Says, type Site } from './authorization-server-tokens.ts'

export type AuthorizationServer = AsyncDisposable & {
  /** The issuer. */
  url: string
  /** The MCP server it protects. */
  mcpUrl: string
  /** Changed in place, from one request to the next. */
  says: Says
  /** All requests so far. */
  requests: Seen[]
  requestsTo(path: string): Seen[]
  /** Whether the MCP server takes this token. */
  takes(accessToken: string): boolean
  /** The person who agrees: follows the authorisation URL to the parameters they are sent back with. */
  agree(authorizationUrl: string): Promise<Record<string, string>>
}

export type Seen = {
  method: string
  path: string
  form: Record<string, string>
  authorization: string | undefined
}

/** Clients that are registered from the start. */
export async function startAuthorizationServer(
  clients: { id: string; secret: string; redirects?: string[] }[] = [],
): Promise<AuthorizationServer> {
  const requests: Seen[] = []
  const server = createServer((request, response) => {
    void answer(site, requests, request, response)
  })
  const port = await listen(server)
  const url = `http://127.0.0.1:${port}`
  const site: Site = {
    url,
    mcpUrl: `${url}/mcp`,
    says: defaults(url),
    clients: new Map(clients.map(({ id, secret, redirects = [] }) => [id, { secret, redirects }])),
    codes: new Map(),
    families: new Map(),
    access: new Map(),
  }
  return {
    url,
    mcpUrl: site.mcpUrl,
    says: site.says,
    requests,
    requestsTo: (path) => requests.filter((each) => each.path === path),
    takes: (token) => (site.access.get(token)?.overAtMs ?? 0) > Date.now(),
    async agree(authorizationUrl) {
      const back = await fetch(authorizationUrl, { redirect: 'manual' })
      return Object.fromEntries(new URL(back.headers.get('location') ?? '').searchParams)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function defaults(url: string): Says {
  return {
    accessTokenSeconds: 3600,
    scopesSupported: undefined,
    requiredScope: '',
    serverMetadata: {},
    resourceMetadata: {},
    iss: url,
    denies: undefined,
    token: undefined,
    redirectTo: undefined,
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function answer(site: Site, requests: Seen[], request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? '/', site.url)
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const method = request.method ?? ''
  const { authorization } = request.headers
  const form = Object.fromEntries(method === 'GET' ? url.searchParams : new URLSearchParams(text))
  requests.push({ method, path: url.pathname, form, authorization })
  const { status, body, headers } = answerTo(site, `${method} ${url.pathname}`, { form, text, authorization })
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}))
}

type Parts = { form: Record<string, string>; text: string; authorization: string | undefined }

function answerTo(site: Site, route: string, { form, text, authorization }: Parts): Answer {
  const { says } = site
  if (says.redirectTo !== undefined) return { status: 302, headers: { location: says.redirectTo } }
  switch (route) {
    case 'GET /.well-known/oauth-protected-resource/mcp':
      return { status: 200, body: resourceMetadata(site) }
    case 'GET /.well-known/oauth-authorization-server':
      return { status: 200, body: serverMetadata(site) }
    case 'POST /register':
      return register(
        site,
        JSON.parse(text) as { redirect_uris: string[]; token_endpoint_auth_method?: string },
      )
    case 'GET /authorize':
      return authorize(site, form)
    case 'POST /token':
      return says.token ?? token(site, form, authorization)
    case 'POST /mcp':
      return resource(site, authorization)
    default:
      return { status: 404 }
  }
}

function resourceMetadata({ url, mcpUrl, says }: Site) {
  const scopes = says.scopesSupported === undefined ? {} : { scopes_supported: says.scopesSupported }
  return { resource: mcpUrl, authorization_servers: [url], ...scopes, ...says.resourceMetadata }
}

function serverMetadata({ url, says }: Site) {
  return {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    registration_endpoint: `${url}/register`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    ...says.serverMetadata,
  }
}

function register(
  { clients }: Site,
  asked: { redirect_uris: string[]; token_endpoint_auth_method?: string },
): Answer {
  const id = randomUUID()
  const secret = asked.token_endpoint_auth_method === 'none' ? undefined : randomUUID()
  clients.set(id, { secret, redirects: asked.redirect_uris })
  return {
    status: 201,
    body: { ...asked, client_id: id, ...(secret === undefined ? {} : { client_secret: secret }) },
  }
}

function authorize({ clients, codes, says, mcpUrl }: Site, form: Record<string, string>): Answer {
  const {
    client_id = '',
    redirect_uri = '',
    state = '',
    scope = '',
    code_challenge = '',
    resource = '',
  } = form
  if (clients.get(client_id)?.redirects.includes(redirect_uri) !== true)
    return { status: 400, body: 'unknown client or redirect' }
  if (form.code_challenge_method !== 'S256' || code_challenge === '' || resource !== mcpUrl)
    return { status: 400, body: 'no PKCE, or another resource' }
  const back = new URL(redirect_uri)
  const code = randomUUID()
  const told = says.denies ?? { code }
  for (const [name, value] of Object.entries({ ...told, state })) back.searchParams.set(name, value)
  if (says.iss !== undefined) back.searchParams.set('iss', says.iss)
  codes.set(code, { client: client_id, redirect: redirect_uri, challenge: code_challenge, scope, resource })
  return { status: 302, headers: { location: back.href } }
}

function resource({ url, access, says }: Site, authorization: string | undefined): Answer {
  const document = `resource_metadata="${url}/.well-known/oauth-protected-resource/mcp"`
  const scope = says.requiredScope === '' ? '' : `, scope="${says.requiredScope}"`
  const known = access.get(authorization?.replace(/^Bearer /, '') ?? '')
  if (known === undefined || known.overAtMs <= Date.now())
    return { status: 401, headers: { 'www-authenticate': `Bearer ${document}${scope}` } }
  const lacks = says.requiredScope
    .split(' ')
    .some((each) => each !== '' && !known.scope.split(' ').includes(each))
  if (lacks)
    return {
      status: 403,
      headers: { 'www-authenticate': `Bearer error="insufficient_scope", ${document}${scope}` },
    }
  return { status: 200, body: { jsonrpc: '2.0', id: 1, result: { tools: [] } } }
}
