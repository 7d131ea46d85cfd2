import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAuthorizationServer, type AuthorizationServer } from '@mcpshield/testkit/authorization-server'
import type { Authorization, ClientConfig } from '../src/authorization.ts'
import { beginAuthorization, finishAuthorization } from '../src/authorize.ts'
import { egressFetch, type Fetch } from '../src/egress.ts'
import { renewTokens } from '../src/renew.ts'

const REDIRECT = 'http://localhost:8000/oauth/callback'
const GIVEN = { id: 'given', secret: 's3cret of the given client' }
const stack = new AsyncDisposableStack()
let server: AuthorizationServer
let other: AuthorizationServer
beforeAll(async () => {
  server = stack.use(await startAuthorizationServer([{ ...GIVEN, redirects: [REDIRECT] }]))
  other = stack.use(await startAuthorizationServer())
})
afterAll(() => stack.disposeAsync())

function config(more: Partial<ClientConfig> = {}): ClientConfig {
  return {
    serverUrl: server.mcpUrl,
    grant: 'authorization_code',
    redirectUri: REDIRECT,
    clientName: 'MCPShield',
    fetch: egressFetch({ own: server.mcpUrl }),
    now: () => new Date(),
    ...more,
  }
}

/** What is kept is JSON: it goes through a store between any two steps. */
const stored = (authorization: Authorization) => JSON.parse(JSON.stringify(authorization)) as Authorization

async function authorized(of = config(), known: Authorization = {}): Promise<Authorization> {
  const { authorizationUrl, authorization } = await beginAuthorization(of, known)
  const callback = await server.agree(authorizationUrl ?? '')
  return stored(await finishAuthorization(of, stored(authorization), callback))
}

const scopeOf = (url: string | null) => new URL(url ?? '').searchParams.get('scope')

describe('an authorisation', () => {
  test('gives tokens that the upstream takes, and leaves nothing of the way there', async () => {
    const { tokens, pending, client } = await authorized()
    expect(server.takes(tokens?.access_token ?? '')).toBe(true)
    expect(tokens).toMatchObject({ issuer: server.url, refresh_token: expect.any(String) as string })
    expect(tokens?.expires_at_ms).toBeGreaterThan(Date.now() + 3_500_000)
    expect(pending).toBeUndefined()
    expect(client).toMatchObject({ issuer: server.url, by: 'registration' })
  })

  test('registers once with one server, and anew for another way back', async () => {
    const before = server.requestsTo('/register').length
    const first = await authorized()
    const { authorization } = await beginAuthorization(config(), first)
    expect(authorization.client).toEqual(first.client)
    expect(server.requestsTo('/register')).toHaveLength(before + 1)
    await beginAuthorization(config({ redirectUri: 'http://localhost:9000/oauth/callback' }), first)
    expect(server.requestsTo('/register')).toHaveLength(before + 2)
  })

  test('answers only what was begun: another state, none, or nothing begun is refused', async () => {
    const { authorizationUrl, authorization } = await beginAuthorization(config(), {})
    const callback = await server.agree(authorizationUrl ?? '')
    const asked = server.requestsTo('/token').length
    for (const [known, answer] of [
      [authorization, { ...callback, state: 'another' }],
      [authorization, { code: callback.code ?? '' }],
      [{}, callback],
      [authorization, { state: callback.state ?? '', iss: callback.iss ?? '' }],
    ] as const)
      await expect(finishAuthorization(config(), known, answer)).rejects.toMatchObject({ kind: 'refused' })
    expect(server.requestsTo('/token')).toHaveLength(asked)
    await finishAuthorization(config(), authorization, callback)
  })

  test('says no as its own kind of failure, in no more than plain words', async () => {
    const { authorizationUrl, authorization } = await beginAuthorization(config(), {})
    const { state = '' } = Object.fromEntries(new URL(authorizationUrl ?? '').searchParams)
    const denied = { state, iss: server.url, error: 'access_denied', error_description: '"<b>\n\u202e' }
    await expect(finishAuthorization(config(), authorization, denied)).rejects.toMatchObject({
      kind: 'denied',
      message: 'The authorisation server did not authorise (access_denied: b).',
    })
  })

  test('of another issuer than the one that was asked (mix-up) is not read, whatever it says', async () => {
    const { authorizationUrl, authorization } = await beginAuthorization(config(), {})
    const callback = await server.agree(authorizationUrl ?? '')
    const { iss: _, ...silent } = callback
    const asked = server.requestsTo('/token').length
    const { state = '' } = callback
    const denied = { state, error: 'access_denied', error_description: 'call this number' }
    for (const answer of [{ ...callback, iss: other.url }, silent, { ...denied, iss: other.url }, denied])
      await expect(finishAuthorization(config(), authorization, answer)).rejects.toMatchObject({
        kind: 'refused',
        message: 'The answer is not from the authorisation server that was asked.',
      })
    expect(server.requestsTo('/token')).toHaveLength(asked)
  })

  test('by another client than one that is given is not asked for', async () => {
    const of = config({ client: { client_id: GIVEN.id, client_secret: GIVEN.secret } })
    const before = server.requestsTo('/register').length
    const { client, tokens } = await authorized(of)
    expect(client).toMatchObject({ client_id: GIVEN.id, by: 'given' })
    expect(server.takes(tokens?.access_token ?? '')).toBe(true)
    expect(server.requestsTo('/register')).toHaveLength(before)
  })

  test('uses our metadata document where it is read, and registers where it is not', async () => {
    const clientMetadataUrl = 'https://api.example.com/oauth/client-metadata'
    const of = config({ clientMetadataUrl })
    server.says.serverMetadata = { client_id_metadata_document_supported: true }
    const { authorizationUrl } = await beginAuthorization(of, {})
    server.says.serverMetadata = {}
    expect(new URL(authorizationUrl ?? '').searchParams.get('client_id')).toBe(clientMetadataUrl)
    expect((await beginAuthorization(of, {})).authorization.client).toMatchObject({ by: 'registration' })
  })

  test('by a server that neither registers clients nor reads documents needs one that is given', async () => {
    server.says.serverMetadata = { registration_endpoint: undefined }
    const asking = beginAuthorization(config(), {})
    await expect(asking).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('register one there by hand') as string,
    })
    server.says.serverMetadata = {}
  })
})

describe('the scope that is asked for', () => {
  test.for([
    ['the one that is wanted', { scope: 'a' }, ['b'], '', 'a'],
    ['all that the upstream names', {}, ['a', 'b'], '', 'a b'],
    ['what the upstream wants now, before all that it names', {}, ['a', 'b'], 'c', 'c'],
    ['both of what is wanted here and there', { scope: 'a' }, undefined, 'b', 'a b'],
    ['none where nobody names one', {}, undefined, '', null],
  ] as const)('is %s', async ([, more, scopesSupported, requiredScope, expected]) => {
    server.says.scopesSupported = scopesSupported && [...scopesSupported]
    server.says.requiredScope = requiredScope
    const { authorizationUrl } = await beginAuthorization(config(more), {})
    server.says.scopesSupported = undefined
    server.says.requiredScope = ''
    expect(scopeOf(authorizationUrl)).toBe(expected)
  })

  test('has offline_access where the server knows it, and something else is asked for', async () => {
    server.says.serverMetadata = { scopes_supported: ['a', 'offline_access'] }
    const some = await beginAuthorization(config({ scope: 'a' }), {})
    const none = await beginAuthorization(config(), {})
    server.says.serverMetadata = {}
    expect([scopeOf(some.authorizationUrl), scopeOf(none.authorizationUrl)]).toEqual([
      'a offline_access',
      null,
    ])
  })

  test('grows by what a call lacked, and never shrinks', async () => {
    const first = await authorized(config({ scope: 'a' }))
    const lacking = await renewTokens(
      config({ scope: 'a' }),
      first,
      'Bearer error="insufficient_scope", scope="b"',
    )
    expect(lacking).toMatchObject({
      needsPerson: expect.stringContaining('more rights') as string,
      authorization: { tokens: first.tokens, requested_scope: 'a b' },
    })
    const next = await beginAuthorization(config({ scope: 'a' }), stored(lacking.authorization))
    expect(scopeOf(next.authorizationUrl)).toBe('a b')
  })

  test('is not asked for again when it was asked for and did not help', async () => {
    const first = await authorized(config({ scope: 'a' }))
    const { needsPerson, authorization } = await renewTokens(
      config({ scope: 'a' }),
      first,
      'Bearer error="insufficient_scope", scope="a"',
    )
    expect(needsPerson).toContain('though they were asked for')
    expect(authorization.tokens).toEqual(first.tokens)
  })
})

describe('a renewal', () => {
  test('rotates the refresh token, which is good once', async () => {
    const first = await authorized()
    const second = await renewTokens(config(), first)
    expect(second.needsPerson).toBeNull()
    expect(second.authorization.tokens?.refresh_token).not.toBe(first.tokens?.refresh_token)
    const again = await renewTokens(config(), first)
    expect(again).toMatchObject({
      needsPerson: expect.stringContaining('authorise the upstream again') as string,
    })
    expect(again.authorization.tokens).toBeUndefined()
  })

  test('keeps a refresh token that the server does not replace', async () => {
    const first = await authorized()
    const body = JSON.stringify({ access_token: 'next', token_type: 'bearer' })
    server.says.token = { status: 200, body }
    const { authorization } = await renewTokens(config(), first)
    server.says.token = undefined
    const { access_token, refresh_token } = authorization.tokens ?? {}
    expect([access_token, refresh_token]).toEqual(['next', first.tokens?.refresh_token])
    expect(authorization.tokens?.expires_at_ms).toBeUndefined()
  })

  test.for([
    ['status 503', 503, 'x', 'unreachable'],
    ['server_error', 400, '{"error":"server_error"}', 'unreachable'],
    ['invalid_request', 400, '{"error":"invalid_request","error_description":"<i>"}', 'refused'],
    ['no JSON', 200, 'ok', 'refused'],
    ['no token', 200, '{}', 'refused'],
    ['a token of another type', 200, '{"access_token":"a","token_type":"DPoP"}', 'refused'],
    ['a token that no header carries', 200, '{"access_token":"a\\nb","token_type":"Bearer"}', 'refused'],
    ['a list', 200, '[]', 'refused'],
    ['null', 200, 'null', 'refused'],
  ] as const)('that gets %s fails, and costs nothing', async ([, status, body, kind]) => {
    const first = await authorized()
    server.says.token = { status, body }
    await expect(renewTokens(config(), first)).rejects.toMatchObject({ name: 'OAuthFailure', kind })
    server.says.token = undefined
    expect((await renewTokens(config(), first)).needsPerson).toBeNull()
  })

  test('of a life without measure is a time all the same', async () => {
    const first = await authorized()
    for (const expires_in of [1e300, -5, 0]) {
      server.says.token = {
        status: 200,
        body: JSON.stringify({ access_token: 'a', token_type: 'Bearer', expires_in }),
      }
      const { authorization } = await renewTokens(config(), first)
      expect(new Date(authorization.tokens?.expires_at_ms ?? NaN).toISOString()).toMatch(/Z$/)
    }
    server.says.token = undefined
  })

  test('for a client that the server forgot registers a new one with the next authorisation', async () => {
    const first = await authorized()
    server.says.token = { status: 401, body: '{"error":"invalid_client"}' }
    const { authorization, needsPerson } = await renewTokens(config(), first)
    server.says.token = undefined
    expect(needsPerson).toContain('does not know our client')
    expect(authorization.client).toBeUndefined()
    const { tokens } = await authorized(config(), authorization)
    expect(server.takes(tokens?.access_token ?? '')).toBe(true)
  })
})

describe('credentials of one authorisation server', () => {
  const moved = () => {
    server.says.resourceMetadata = { authorization_servers: [other.url] }
  }
  const back = () => {
    server.says.resourceMetadata = {}
  }
  const secretsOf = ({ client, tokens }: Authorization) =>
    [client?.client_id, client?.client_secret, tokens?.refresh_token].map(String)

  test('are not told to another one, whom the upstream names from now on', async () => {
    const first = await authorized()
    moved()
    const renewal = await renewTokens(config(), first, 'Bearer error="invalid_token"')
    expect(renewal.needsPerson).toContain('authorise the upstream again')
    const { authorization, authorizationUrl } = await beginAuthorization(
      config(),
      stored(renewal.authorization),
    )
    back()
    expect(authorizationUrl).toContain(`${other.url}/authorize`)
    expect(authorization).toMatchObject({ client: { issuer: other.url } })
    const told = JSON.stringify(other.requests)
    for (const secret of secretsOf(first)) expect(told).not.toContain(secret)
  })

  test('that were given by hand are refused to another one', async () => {
    for (const issuer of [undefined, server.url]) {
      const client = { client_id: GIVEN.id, client_secret: GIVEN.secret, ...(issuer && { issuer }) }
      const first = issuer === undefined ? await authorized(config({ client })) : {}
      moved()
      await expect(beginAuthorization(config({ client }), first)).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('another authorisation server') as string,
      })
      back()
    }
    expect(JSON.stringify(other.requests)).not.toContain(GIVEN.id)
  })

  test('that act for themselves are refused to another one, however often it is tried', async () => {
    const client = { client_id: GIVEN.id, client_secret: GIVEN.secret }
    const of = config({ grant: 'client_credentials', client })
    const { authorization } = await beginAuthorization(of, {})
    expect(server.takes(authorization.tokens?.access_token ?? '')).toBe(true)
    moved()
    for (const _ of [1, 2])
      await expect(renewTokens(of, stored(authorization), 'Bearer')).rejects.toMatchObject({
        kind: 'refused',
      })
    back()
    expect((await renewTokens(of, stored(authorization), 'Bearer')).needsPerson).toBeNull()
    expect(JSON.stringify(other.requests)).not.toContain(GIVEN.id)
  })

  test('that act for themselves get no more than the scope that was named for them, whatever the upstream wants', async () => {
    const client = { client_id: GIVEN.id, client_secret: GIVEN.secret }
    const of = config({ grant: 'client_credentials', client, scope: 'a' })
    const { authorization } = await beginAuthorization(of, {}, 'Bearer scope="a admin"')
    expect(authorization.requested_scope).toBe('a')
    const asked = server.requestsTo('/token').length
    const wider = await renewTokens(of, authorization, 'Bearer error="insufficient_scope", scope="admin"')
    expect(wider.needsPerson).toContain('more rights than the scope in its settings')
    expect(wider.authorization.tokens).toEqual(authorization.tokens)
    expect(server.requestsTo('/token')).toHaveLength(asked)
    const again = await renewTokens(of, authorization, 'Bearer error="invalid_token", scope="admin"')
    expect(again.authorization.requested_scope).toBe('a')
    // Where none was named it is the server's choice.
    const free = config({ grant: 'client_credentials', client })
    const first = await beginAuthorization(free, {}, 'Bearer scope="a"')
    const more = await renewTokens(
      free,
      first.authorization,
      'Bearer error="insufficient_scope", scope="admin"',
    )
    expect(more.authorization.requested_scope).toBe('a admin')
  })

  test('are of the one that is known already, where the upstream names several', async () => {
    const first = await authorized()
    server.says.resourceMetadata = { authorization_servers: [other.url, server.url] }
    const { needsPerson, authorization } = await renewTokens(config(), first, 'Bearer error="invalid_token"')
    back()
    expect(needsPerson).toBeNull()
    expect(authorization.tokens?.issuer).toBe(server.url)
  })

  test('survive metadata that cannot be had for a while', async () => {
    const first = await authorized()
    const broken: Fetch = async (url, init) => {
      const response = await config().fetch(url, init)
      return String(url).includes('.well-known') ? new Response(null, { status: 503 }) : response
    }
    await expect(renewTokens(config({ fetch: broken }), first, 'Bearer')).rejects.toMatchObject({
      kind: 'unreachable',
    })
    expect((await renewTokens(config(), first, 'Bearer')).needsPerson).toBeNull()
  })
})

describe('metadata', () => {
  test.for([
    ['of another resource', { resourceMetadata: { resource: 'https://evil.example/mcp' } }],
    ['of a resource below', () => ({ resourceMetadata: { resource: `${server.mcpUrl}/deeper` } })],
    ['of no resource', { resourceMetadata: { resource: 'x' } }],
    ['of another issuer', { serverMetadata: { issuer: 'https://evil.example' } }],
    ['without an issuer', { serverMetadata: { issuer: undefined } }],
    ['without PKCE', { serverMetadata: { code_challenge_methods_supported: undefined } }],
    ['with plain PKCE alone', { serverMetadata: { code_challenge_methods_supported: ['plain'] } }],
    [
      'with an authorisation page that is no page',
      { serverMetadata: { authorization_endpoint: 'javascript:alert(1)' } },
    ],
    [
      'with an authorisation page of another kind on this machine',
      { serverMetadata: { authorization_endpoint: 'ms-settings://localhost/x' } },
    ],
    [
      'with an authorisation page without https',
      { serverMetadata: { authorization_endpoint: 'http://sso.example/' } },
    ],
    [
      'with a token endpoint without https',
      { serverMetadata: { token_endpoint: 'http://127.0.0.1.example/t' } },
    ],
    [
      'with a registration without https',
      { serverMetadata: { registration_endpoint: 'http://sso.example/r' } },
    ],
  ] as const)('%s leads nowhere', async ([, wrong]) => {
    const asked = server.requestsTo('/register').length
    Object.assign(server.says, typeof wrong === 'function' ? wrong() : wrong)
    await expect(beginAuthorization(config(), {})).rejects.toMatchObject({ kind: 'refused' })
    server.says.resourceMetadata = {}
    server.says.serverMetadata = {}
    // PKCE is the one thing that is only wanted where a person is.
    expect(server.requestsTo('/register').length - asked).toBeLessThanOrEqual(1)
  })

  test('that sends elsewhere is not followed there', async () => {
    const before = other.requests.length
    server.says.redirectTo = `${other.url}/.well-known/oauth-authorization-server`
    await expect(beginAuthorization(config(), {})).rejects.toMatchObject({ name: 'OAuthFailure' })
    server.says.redirectTo = undefined
    expect(other.requests).toHaveLength(before)
  })

  test('of an upstream on the internet that names this machine leads to no connection', async () => {
    const own = 'https://mcp.example.com/mcp'
    const out = egressFetch({ own, lookup: () => Promise.resolve(['1.1.1.1']) })
    const names: Record<string, object> = {
      '/.well-known/oauth-protected-resource/mcp': { resource: own, authorization_servers: [other.url] },
    }
    const fetch: Fetch = (url, init) => {
      const { host, pathname } = new URL(url)
      if (host !== 'mcp.example.com') return out(url, init)
      const found = names[pathname]
      return Promise.resolve(found === undefined ? new Response(null, { status: 404 }) : Response.json(found))
    }
    const before = other.requests.length
    const asking = () => beginAuthorization(config({ serverUrl: own, fetch }), {})
    await expect(asking()).rejects.toMatchObject({ kind: 'forbidden' })
    names['/.well-known/oauth-protected-resource/mcp'] = { resource: own, authorization_servers: [own] }
    names['/.well-known/oauth-authorization-server/mcp'] = {
      issuer: own,
      authorization_endpoint: 'https://mcp.example.com/authorize',
      token_endpoint: 'https://mcp.example.com/token',
      registration_endpoint: `${other.url}/register`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
    }
    await expect(asking()).rejects.toMatchObject({ kind: 'refused' })
    names['/.well-known/oauth-authorization-server/mcp'] = {
      ...names['/.well-known/oauth-authorization-server/mcp'],
      registration_endpoint: 'https://10.0.0.1/register',
    }
    await expect(asking()).rejects.toMatchObject({ kind: 'forbidden' })
    expect(other.requests).toHaveLength(before)
  })

  test('is not there for servers of the first revisions: they are their own authorisation server', async () => {
    const plain: Fetch = (url, init) =>
      String(url).includes('oauth-protected-resource')
        ? Promise.resolve(new Response(null, { status: 404 }))
        : config().fetch(url, init)
    // Told of a document in its challenge, it would have to be there.
    const quiet: Fetch = (url, init) =>
      String(url) === server.mcpUrl ? Promise.resolve(new Response(null, { status: 401 })) : plain(url, init)
    const { tokens } = await authorized(config({ fetch: quiet }))
    expect(server.takes(tokens?.access_token ?? '')).toBe(true)
    await expect(beginAuthorization(config({ fetch: plain }), {})).rejects.toMatchObject({
      kind: 'unreachable',
    })
  })
})
