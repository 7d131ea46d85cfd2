import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Input } from '@mcpshield/contracts/define'
import { projects } from '@mcpshield/contracts/projects'
import { startAuthorizationServer, type AuthorizationServer } from '@mcpshield/testkit/authorization-server'
import { start } from '../src/start.ts'
import { log, startWorld, type User, type World } from './world.ts'

const { rpc } = projects
const stack = new AsyncDisposableStack()
let world: World
let owner: User

const GIVEN = { id: 'given-client', secret: 's3cret-of-the-given-client' }

beforeAll(async () => {
  world = stack.use(await startWorld())
  // Two of them, as in a cluster: calls go to either.
  stack.use(await start(world.config, log))
  owner = await world.owner()
})
afterAll(() => stack.disposeAsync())

type OAuth = Input<typeof rpc.createUpstream>['oauth']
type Up = { project_id: string; upstream_id: string; server: AuthorizationServer; by: User }

let counter = 0

async function upstream(
  oauth: OAuth = { grant: 'authorization_code' },
  by = owner,
  url?: string,
): Promise<Up & AsyncDisposable> {
  const server = await startAuthorizationServer([
    { ...GIVEN, redirects: ['http://localhost:8000/oauth/callback'] },
  ])
  const { id: project_id } = await by.call(rpc.createProject, { name: `oauth ${++counter}` })
  const made = await by.call(rpc.createUpstream, {
    project_id,
    slug: 'remote',
    transport: 'http',
    url: url ?? server.mcpUrl,
    oauth,
  })
  return {
    project_id,
    upstream_id: made.id,
    server,
    by,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const ids = ({ project_id, upstream_id }: Up) => ({ project_id, upstream_id })
const shown = async (up: Up) => (await up.by.call(rpc.getUpstream, ids(up))).oauth
const tokenOf = (up: Up, more: { refused_digest?: string; challenge?: string } = {}) =>
  world.mcp.call(rpc.getUpstreamToken, { ...ids(up), ...more })
const digestOf = (token: string) => createHash('sha256').update(token).digest('hex')
const comeBack = (callback: Record<string, string>) =>
  world.rest.call(rpc.finishUpstreamAuthorization, callback as { state: string }, {
    caller: { kind: 'anonymous', address: '127.0.0.1' },
  })

async function begin(up: Up): Promise<string> {
  const { authorization_url } = await up.by.call(rpc.authorizeUpstream, ids(up))
  if (authorization_url === null) throw new Error('no person is needed')
  return authorization_url
}

/** A person authorises the upstream; answers the access token that came of it. */
async function authorize(up: Up): Promise<string> {
  const done = await comeBack(await up.server.agree(await begin(up)))
  expect(done).toMatchObject({ project_id: up.project_id, upstream: 'remote', authorized: true })
  return (await tokenOf(up)).access_token
}

const refreshes = ({ server }: Up) =>
  server.requestsTo('/token').filter(({ form }) => form.grant_type === 'refresh_token').length
const exchanges = ({ server }: Up) => server.requestsTo('/token').length

describe('an upstream behind OAuth', () => {
  test('has no token before a person has authorised it, and one that it takes afterwards', async () => {
    await using up = await upstream()
    expect(await shown(up)).toEqual({
      grant: 'authorization_code',
      client_id: null,
      scope: null,
      state: 'needs_authorization',
      expires_at: null,
    })
    await expect(tokenOf(up)).rejects.toMatchObject({
      code: 'EXPIRED',
      message: expect.stringContaining('an administrator must authorise it') as string,
    })
    const before = await world.mcp.call(rpc.getRuntime, { project_id: up.project_id })
    expect(before.upstreams).toMatchObject([{ id: up.upstream_id, oauth: true }])
    const token = await authorize(up)
    expect(up.server.takes(token)).toBe(true)
    const expires_at = expect.stringMatching(/^\d{4}-.*Z$/) as string
    expect(await tokenOf(up)).toEqual({ access_token: token, expires_at })
    expect(await shown(up)).toMatchObject({ state: 'authorized', expires_at })
    const after = await world.mcp.call(rpc.getRuntime, { project_id: up.project_id })
    expect(after.runtime_version).toBe(before.runtime_version + 1)
  })

  test('authorises us by what it registered, with PKCE, for itself alone, and comes back to the API', async () => {
    await using up = await upstream({ grant: 'authorization_code', scope: 'files:read' })
    const asked = new URL(await begin(up)).searchParams
    expect(Object.fromEntries(asked)).toMatchObject({
      code_challenge_method: 'S256',
      redirect_uri: 'http://localhost:8000/oauth/callback',
      resource: up.server.mcpUrl,
      scope: 'files:read',
    })
    expect(Buffer.from(asked.get('state') ?? '', 'base64url')).toHaveLength(32)
    await begin(up)
    expect(up.server.requestsTo('/register')).toHaveLength(1)
    const audited = async () =>
      (await world.auditEvents())
        .filter(({ project_id, method }) => project_id === up.project_id && method === 'authorizeUpstream')
        .map(({ user_id }) => user_id)
    const { user_id } = owner.caller
    await expect.poll(audited).toEqual([user_id, user_id])
  })

  test('keeps tokens, secrets, states and verifiers sealed, and shows none of them', async () => {
    await using up = await upstream({
      grant: 'authorization_code',
      client_id: GIVEN.id,
      client_secret: GIVEN.secret,
    })
    const url = await begin(up)
    const state = new URL(url).searchParams.get('state') ?? ''
    const whileAway = await world.everythingStored()
    await comeBack(await up.server.agree(url))
    const { access_token } = await tokenOf(up)
    const [exchange] = up.server.requestsTo('/token')
    expect(exchange?.authorization).toMatch(/^Basic /)
    const all = JSON.stringify([
      whileAway,
      await world.everythingStored(),
      await world.auditEvents(),
      await owner.call(rpc.listUpstreams, { project_id: up.project_id }),
      await world.mcp.call(rpc.getRuntime, { project_id: up.project_id }),
    ])
    const verifier = exchange?.form.code_verifier ?? ''
    expect(verifier).not.toBe('')
    for (const secret of [access_token, GIVEN.secret, state, verifier, 'refresh-'])
      expect(all).not.toContain(secret)
  })

  test('by client credentials needs no person', async () => {
    const oauth = { grant: 'client_credentials' as const, client_id: GIVEN.id, client_secret: GIVEN.secret }
    await using up = await upstream(oauth)
    expect(up.server.takes((await tokenOf(up)).access_token)).toBe(true)
    expect(await up.by.call(rpc.authorizeUpstream, ids(up))).toEqual({ authorization_url: null })
    expect(up.server.takes((await tokenOf(up)).access_token)).toBe(true)
    expect(await shown(up)).toMatchObject({ client_id: GIVEN.id, state: 'authorized' })
  })
})

describe('a token', () => {
  test('that is over is renewed, and one that is good is not', async () => {
    await using up = await upstream()
    up.server.says.accessTokenSeconds = 3
    const first = await authorize(up)
    expect(refreshes(up)).toBe(1)
    up.server.says.accessTokenSeconds = 3600
    const second = (await tokenOf(up)).access_token
    expect(second).not.toBe(first)
    expect((await tokenOf(up)).access_token).toBe(second)
    expect(refreshes(up)).toBe(2)
  })

  test('that was refused is renewed once it is not new any more; one that was replaced already is not', async () => {
    await using up = await upstream()
    const first = await authorize(up)
    const refused = { refused_digest: digestOf(first), challenge: 'Bearer error="invalid_token"' }
    await expect(tokenOf(up, refused)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const renewing = () => tokenOf(up, refused).then(({ access_token }) => access_token)
    await expect.poll(() => renewing().catch(() => first), { timeout: 5_000, interval: 100 }).not.toBe(first)
    const second = (await tokenOf(up)).access_token
    expect(await renewing()).toBe(second)
    expect(refreshes(up)).toBe(1)
    expect(up.server.takes(second)).toBe(true)
  })

  test('is renewed once by ten that ask at the same time: the rotated one is not used again', async () => {
    await using up = await upstream()
    up.server.says.accessTokenSeconds = 3
    await authorize(up)
    up.server.says.accessTokenSeconds = 3600
    const before = refreshes(up)
    // Told apart, so that not even one process takes them for the same question.
    const asking = Array.from({ length: 10 }, (_, each) =>
      tokenOf(up, { challenge: `Bearer realm="${each}"` }),
    )
    const tokens = new Set((await Promise.all(asking)).map(({ access_token }) => access_token))
    expect(tokens.size).toBe(1)
    expect(refreshes(up)).toBe(before + 1)
    expect(up.server.takes([...tokens][0]!)).toBe(true)
  })

  test('that cannot be renewed any more asks for a person, whose authorisation mends it', async () => {
    await using up = await upstream()
    up.server.says.accessTokenSeconds = 3
    await authorize(up)
    up.server.says.token = { status: 400, body: '{"error":"invalid_grant"}' }
    await expect(tokenOf(up)).rejects.toMatchObject({
      code: 'EXPIRED',
      message: expect.stringContaining('authorise the upstream again') as string,
    })
    expect(await shown(up)).toMatchObject({ state: 'needs_authorization' })
    const asked = exchanges(up)
    await expect(tokenOf(up)).rejects.toMatchObject({ code: 'EXPIRED' })
    expect(exchanges(up)).toBe(asked)
    up.server.says.token = undefined
    up.server.says.accessTokenSeconds = 3600
    expect(up.server.takes(await authorize(up))).toBe(true)
  })

  test('is not lost to an authorisation server that fails for a while', async () => {
    await using up = await upstream()
    up.server.says.accessTokenSeconds = 3
    await authorize(up)
    up.server.says.token = { status: 503, body: 'down <b>for</b> maintenance' }
    const failed = tokenOf(up)
    await expect(failed).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(failed).rejects.not.toMatchObject({
      message: expect.stringContaining('maintenance') as string,
    })
    const asked = exchanges(up)
    up.server.says.token = undefined
    expect(await shown(up)).toMatchObject({ state: 'authorized' })
    expect(up.server.takes((await tokenOf(up, { challenge: 'Bearer' })).access_token)).toBe(true)
    expect(exchanges(up)).toBe(asked + 1)
  })

  test('of too little scope stays good for other calls; the next authorisation asks for all of it', async () => {
    await using up = await upstream({ grant: 'authorization_code', scope: 'read' })
    const token = await authorize(up)
    const challenge = 'Bearer error="insufficient_scope", scope="write"'
    const asking = tokenOf(up, { refused_digest: digestOf(token), challenge })
    await expect(asking).rejects.toMatchObject({
      code: 'EXPIRED',
      message: expect.stringContaining('more rights') as string,
    })
    expect((await tokenOf(up)).access_token).toBe(token)
    expect(await shown(up)).toMatchObject({ state: 'authorized' })
    const url = await begin(up)
    expect(new URL(url).searchParams.get('scope')).toBe('read write')
  })
})

describe('a state', () => {
  test('is used once', async () => {
    await using up = await upstream()
    const callback = await up.server.agree(await begin(up))
    await comeBack(callback)
    const asked = exchanges(up)
    await expect(comeBack(callback)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(exchanges(up)).toBe(asked)
  })

  test('is used up by an answer that is not good', async () => {
    await using up = await upstream()
    const callback = await up.server.agree(await begin(up))
    await expect(comeBack({ ...callback, iss: 'https://evil.example' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(comeBack(callback)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(exchanges(up)).toBe(0)
  })

  test('is over after ten minutes', async () => {
    await using up = await upstream()
    const callback = await up.server.agree(await begin(up))
    const [{ life }] = (await world.query<{ life: string }>(
      `select extract(epoch from expires_at - created_at)::text as life from projects.upstream_authorizations
       where upstream_id = $1`,
      [up.upstream_id],
    )) as [{ life: string }]
    expect(Number(life)).toBe(600)
    await world.query(
      'update projects.upstream_authorizations set expires_at = now() where upstream_id = $1',
      [up.upstream_id],
    )
    await expect(comeBack(callback)).rejects.toMatchObject({ code: 'EXPIRED' })
    expect(exchanges(up)).toBe(0)
  })

  test('is one organisation’s and one upstream’s, whoever comes back with it', async () => {
    const other = await world.owner()
    await using ours = await upstream()
    await using theirs = await upstream({ grant: 'authorization_code' }, other)
    await expect(other.call(rpc.authorizeUpstream, ids(ours))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const callback = await ours.server.agree(await begin(ours))
    const [stateOfTheirs] = [new URL(await begin(theirs)).searchParams.get('state') ?? '']
    // The code of one with the state of the other: their server does not know the code.
    await expect(
      comeBack({ ...callback, state: stateOfTheirs, iss: theirs.server.url }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await comeBack(callback)
    expect(await shown(ours)).toMatchObject({ state: 'authorized' })
    expect(await shown(theirs)).toMatchObject({ state: 'needs_authorization' })
    await expect(
      world.mcp.call(rpc.getUpstreamToken, { ...ids(ours), project_id: theirs.project_id }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('moved to another upstream in the database does not open', async () => {
    await using one = await upstream()
    await using other = await upstream()
    const callback = await one.server.agree(await begin(one))
    await world.query(
      'update projects.upstream_authorizations set upstream_id = $1, project_id = $2 where upstream_id = $3',
      [other.upstream_id, other.project_id, one.upstream_id],
    )
    await expect(comeBack(callback)).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await shown(other)).toMatchObject({ state: 'needs_authorization' })
  })

  test('and tokens end with a change of the URL or the client; other changes keep them', async () => {
    await using up = await upstream()
    const token = await authorize(up)
    await up.by.call(rpc.updateUpstream, { ...ids(up), slug: 'renamed', headers: { 'x-team': 'a' } })
    expect((await tokenOf(up)).access_token).toBe(token)
    const callback = await up.server.agree(await begin(up))
    await up.by.call(rpc.updateUpstream, { ...ids(up), url: `${up.server.url}/other` })
    await expect(comeBack(callback)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(tokenOf(up)).rejects.toMatchObject({ code: 'EXPIRED' })
    await up.by.call(rpc.updateUpstream, { ...ids(up), oauth: null })
    expect(await shown(up)).toBeNull()
    await expect(tokenOf(up)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('an answer of the authorisation server', () => {
  test('that says no is told, in plain words, and changes nothing', async () => {
    await using up = await upstream()
    up.server.says.denies = { error: 'access_denied', error_description: 'not <script>today\u202e</script>' }
    const answer = await comeBack(await up.server.agree(await begin(up)))
    expect(answer).toMatchObject({ authorized: false })
    expect(answer.detail).toContain('(access_denied: not script today /script)')
    expect(await shown(up)).toMatchObject({ state: 'needs_authorization' })
  })

  test.for([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['without the issuer it promised', { iss: undefined }],
    ['of the same issuer, written otherwise', { iss: 'HTTP' }],
  ] as const)('%s is not read, its code is sent nowhere, its words are not shown', async ([, { iss }]) => {
    await using up = await upstream()
    up.server.says.iss = iss === 'HTTP' ? `${up.server.url}/` : iss
    const asking = comeBack(await up.server.agree(await begin(up)))
    await expect(asking).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    up.server.says.denies = { error: 'server_error', error_description: 'call-this-number' }
    const failing = comeBack(await up.server.agree(await begin(up)))
    await expect(failing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(failing).rejects.not.toMatchObject({
      message: expect.stringMatching(/server_error|call-this/) as string,
    })
    expect(exchanges(up)).toBe(0)
  })

  test('may carry parameters of its own', async () => {
    await using up = await upstream()
    const callback = await up.server.agree(await begin(up))
    await expect(comeBack({ ...callback, session_state: 'x', scope: 'y' })).resolves.toMatchObject({
      authorized: true,
    })
  })
})

describe('metadata', () => {
  const own = /not public/
  test.for([
    ['a cloud’s metadata service', 'http://169.254.169.254/latest', own],
    ['a private network', 'http://10.0.0.1', own],
    ['a private network, by IPv6', 'http://[fd00::1]', own],
    ['another scheme', 'file:///etc/passwd', /no http or https URL/],
  ] as const)('that names %s leads to no connection', async ([, issuer, message]) => {
    await using up = await upstream()
    up.server.says.resourceMetadata = { authorization_servers: [issuer] }
    const startedMs = performance.now()
    const asking = begin(up)
    await expect(asking).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(asking).rejects.toMatchObject({ message: expect.stringMatching(message) as string })
    // A connection there would have been waited for.
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  test('of another resource, of another issuer, or without PKCE ends it before anybody is asked', async () => {
    await using up = await upstream()
    const { says } = up.server
    for (const wrong of [
      () => (says.resourceMetadata = { resource: 'https://evil.example/mcp' }),
      () => (says.serverMetadata = { issuer: 'https://evil.example' }),
      () => (says.serverMetadata = { code_challenge_methods_supported: undefined }),
      () => (says.serverMetadata = { code_challenge_methods_supported: ['plain'] }),
      () => (says.serverMetadata = { token_endpoint: 'http://example.com/token' }),
    ]) {
      wrong()
      await expect(begin(up)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
      says.resourceMetadata = {}
      says.serverMetadata = {}
    }
    await begin(up)
  })
})

describe('the settings of OAuth', () => {
  const url = 'https://mcp.example.com/mcp'
  const given = { client_id: 'a', client_secret: 'b' }
  test.for([
    [{ transport: 'stdio', command: 'npx', oauth: { grant: 'authorization_code' } }, 'oauth'],
    [{ url, oauth: { grant: 'client_credentials' } }, 'oauth.client_id'],
    [{ url, oauth: { grant: 'client_credentials', client_id: 'a' } }, 'oauth.client_secret'],
    [{ url, oauth: { grant: 'authorization_code', client_secret: 'b' } }, 'oauth.client_id'],
    [{ url, oauth: { grant: 'authorization_code', ...given, scope: 'a  b' } }, 'oauth.scope'],
    [{ url, oauth: { grant: 'authorization_code', client_id: 'ä' } }, 'oauth.client_id'],
    [
      { url, headers: { Authorization: 'x' }, oauth: { grant: 'authorization_code' } },
      'headers.authorization',
    ],
  ] as const)('%j are refused at %s', async ([input, path]) => {
    const { id: project_id } = await owner.call(rpc.createProject, { name: `oauth ${++counter}` })
    const upstream = { project_id, slug: 'x', transport: 'http', ...input }
    await expect(owner.call(rpc.createUpstream, upstream as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { errors: expect.arrayContaining([expect.objectContaining({ path })]) as unknown },
    })
  })

  test('keep a secret that is not given again for the same client, and for no other', async () => {
    await using up = await upstream({
      grant: 'client_credentials',
      client_id: GIVEN.id,
      client_secret: GIVEN.secret,
    })
    await up.by.call(rpc.updateUpstream, {
      ...ids(up),
      oauth: { grant: 'client_credentials', client_id: GIVEN.id, scope: 'read' },
    })
    expect(up.server.takes((await tokenOf(up)).access_token)).toBe(true)
    const another = { grant: 'client_credentials' as const, client_id: 'another' }
    await expect(up.by.call(rpc.updateUpstream, { ...ids(up), oauth: another })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  test('may be changed, and an authorisation begun, by administrators only', async () => {
    await using up = await upstream()
    const editor = up.by.as('editor')
    await expect(editor.call(rpc.authorizeUpstream, ids(up))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    })
  })
})
