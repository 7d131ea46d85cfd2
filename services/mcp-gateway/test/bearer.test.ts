import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportSPKI, generateKeyPair, importJWK, UnsecuredJWT, type CryptoKey, type JWTPayload } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { TokenIssuer as Trusted } from '@mcpshield/contracts/projects'
import { issuerTerms } from '@mcpshield/pdp/current-credential'
import type { ProjectPolicy } from '@mcpshield/pdp/snapshots'
import { openBearer, resourceUrl } from '../src/bearer.ts'
import { sign, startTokenIssuer, type TokenIssuer } from './token-issuer.ts'

const stack = new AsyncDisposableStack()
let issuer: TokenIssuer
beforeAll(async () => {
  issuer = stack.use(await startTokenIssuer())
})
afterAll(() => stack.disposeAsync())
afterEach(() => void vi.useRealTimers())

const PUBLIC_URL = 'https://mcp.example.com'
const PROJECT = '0198a000-0000-7000-8000-000000000001'
const OTHER_PROJECT = '0198a000-0000-7000-8000-000000000002'
const ORG = '0198a000-0000-7000-8000-00000000000f'
const AUDIENCE = resourceUrl(PUBLIC_URL, PROJECT)

const warnings: string[] = []
const log = {
  info: () => undefined,
  error: () => undefined,
  warn: (_fields: object, message: string) => void warnings.push(message),
}

function project(trusted: Partial<Trusted> | null = {}, project_id = PROJECT): ProjectPolicy {
  const token_issuer = trusted === null ? null : { issuer: issuer.url, ...trusted }
  return { snapshot: { project_id, org_id: ORG, token_issuer } } as ProjectPolicy
}

function claims(more: Record<string, unknown> = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000)
  return { iss: issuer.url, aud: AUDIENCE, sub: 'ada', iat: now, exp: now + 600, ...more }
}

const open = () => openBearer({ publicUrl: PUBLIC_URL, log: log as never })
const good = (more: Record<string, unknown> = {}, header = {}) =>
  sign(issuer.privateKey, claims(more), header)

async function credentialOf(token: string, of = project(), bearer = open()) {
  return bearer.credential(token, of, new Date())
}

describe('an access token of the project’s issuer', () => {
  test('is the credential of its person, with what rules may ask of them', async () => {
    const token = await good({
      email: 'ada@example.com',
      email_verified: true,
      groups: ['analysts', 7, 'eu'],
    })
    expect(await credentialOf(token)).toEqual({
      project_id: PROJECT,
      org_id: ORG,
      key_id: null,
      issuer_terms: issuerTerms({ issuer: issuer.url }),
      subject: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      name: 'token',
      labels: [],
      upstreams: null,
      expires_at: expect.stringMatching(/Z$/) as string,
      user: 'ada@example.com',
      groups: ['analysts', 'eu'],
    })
  })

  test('may be for several audiences, of type JWT, and signed by any pair of keys of the issuer', async () => {
    expect(await credentialOf(await good({ aud: ['https://other.example', AUDIENCE] }))).toBeDefined()
    expect(await credentialOf(await good({}, { typ: 'JWT' }))).toBeDefined()
    const second = await issuer.addKey('second')
    expect(await credentialOf(await sign(second, claims(), { kid: 'second' }))).toBeDefined()
  })

  test('tells askers apart by issuer and subject, and by nothing else', async () => {
    const subjectOf = async (more: JWTPayload) => (await credentialOf(await good(more)))?.subject
    const first = await subjectOf({ email: 'a@example.com' })
    expect(await subjectOf({ email: 'b@example.com', jti: 'x' })).toBe(first)
    expect(await subjectOf({ sub: 'grace' })).not.toBe(first)
  })

  test.for([
    [{ email: 'a@x.org', email_verified: true }, 'a@x.org'],
    [{ email: 'a@x.org' }, 'a@x.org'],
    [{ email: 'boss@x.org', email_verified: false, preferred_username: 'ada' }, 'ada'],
    [{ email: 'boss@x.org', email_verified: 'false' }, 'ada-id'],
    [{ preferred_username: 'boss@x.org' }, 'ada-id'],
    [{ email: ['boss@x.org'] }, 'ada-id'],
    [{}, 'ada-id'],
  ] as const)('with %j is the user %s', async ([more, user]) => {
    expect(await credentialOf(await good({ sub: 'ada-id', ...more }))).toMatchObject({ user })
  })

  test.for([
    [{ groups: [] }, 'groups', []],
    [{ groups: 'one' }, 'groups', ['one']],
    [{}, 'groups', undefined],
    [{ groups: { a: 1 } }, 'groups', undefined],
    [{ groups: ['a'], 'https://x.org/roles': ['b'] }, 'https://x.org/roles', ['b']],
    [{ groups: Array.from({ length: 1_001 }, String) }, 'groups', undefined],
  ] as const)('with %j has in the claim %s the groups %j', async ([more, groups_claim, groups]) => {
    const credential = await credentialOf(await good(more), project({ groups_claim }))
    expect(credential).toBeDefined()
    expect(credential?.groups).toEqual(groups)
  })
})

describe('nobody’s is a token', () => {
  const now = () => Math.floor(Date.now() / 1000)
  test.for<[string, () => Record<string, unknown>]>([
    ['of another issuer', () => ({ iss: `${issuer.url}/` })],
    ['without issuer', () => ({ iss: undefined })],
    ['for another project', () => ({ aud: resourceUrl(PUBLIC_URL, OTHER_PROJECT) })],
    ['for a path below', () => ({ aud: `${AUDIENCE}/` })],
    ['for the whole host', () => ({ aud: PUBLIC_URL })],
    ['for nobody', () => ({ aud: undefined })],
    ['that is over', () => ({ exp: now() - 10 })],
    ['without an end', () => ({ exp: undefined })],
    ['that is not good yet', () => ({ nbf: now() + 60 })],
    ['older than a day', () => ({ iat: now() - 24 * 3600 - 60, exp: now() + 600 })],
    ['from the future', () => ({ iat: now() + 600 })],
    ['without a time', () => ({ iat: undefined })],
    ['without a subject', () => ({ sub: undefined })],
    ['of an empty subject', () => ({ sub: '' })],
    ['that is an ID token', () => ({ nonce: 'n' })],
    ['that is an ID token of a hybrid flow', () => ({ at_hash: 'x' })],
    ['that is bound to a key', () => ({ cnf: { jkt: 'x' } })],
  ])('%s', async ([, more]) => {
    expect(await credentialOf(await good())).toBeDefined()
    expect(await credentialOf(await good(more()))).toBeUndefined()
  })

  test('of another type', async () => {
    for (const typ of ['id+jwt', 'logout+jwt', 'dpop+jwt', undefined])
      expect(await credentialOf(await good({}, { typ }))).toBeUndefined()
  })

  test('that is not signed, or signed with the public key as a secret', async () => {
    expect(await credentialOf(new UnsecuredJWT(claims()).encode())).toBeUndefined()
    const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${(await good()).split('.')[1]}.`
    expect(await credentialOf(none)).toBeUndefined()
    const spki = await exportSPKI(
      (await importJWK(issuer.publicJwk, 'ES256', { extractable: true })) as CryptoKey,
    )
    const confused = await sign(new TextEncoder().encode(spki), claims(), { alg: 'HS256' })
    expect(await credentialOf(confused)).toBeUndefined()
  })

  test('changed after it was signed, or signed by another key of the same name', async () => {
    const [header, , signature] = (await good()).split('.')
    const forged = Buffer.from(JSON.stringify(claims({ sub: 'boss' }))).toString('base64url')
    expect(await credentialOf(`${header}.${forged}.${signature}`)).toBeUndefined()
    const { privateKey } = await generateKeyPair('ES256')
    expect(await credentialOf(await sign(privateKey, claims()))).toBeUndefined()
  })

  test('that says where its keys are: nobody is asked there', async () => {
    await using trap = await startTrap()
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    for (const header of [
      { jku: trap.url },
      { x5u: trap.url },
      { jwk: trap.jwk },
      { jku: trap.url, kid: 'theirs' },
    ])
      expect(await credentialOf(await sign(privateKey, claims(), header))).toBeUndefined()
    expect(trap.connections).toBe(0)
  })

  test('that is none: opaque, huge, empty, or half', async () => {
    for (const token of [
      '',
      'opaque',
      'a.b.c',
      '..',
      `${await good()}.x`,
      'x'.repeat(20_000),
      'mcps_abc',
      '\0',
    ])
      expect(await credentialOf(token)).toBeUndefined()
  })

  test('where the project trusts no issuer, or trusts it no more', async () => {
    const bearer = open()
    const token = await good()
    expect(await credentialOf(token, project(), bearer)).toBeDefined()
    expect(await credentialOf(token, project(null), bearer)).toBeUndefined()
    expect(await credentialOf(token, project({ issuer: 'https://new.example' }), bearer)).toBeUndefined()
    expect(await credentialOf(token, project({}, OTHER_PROJECT), bearer)).toBeUndefined()
    expect(await credentialOf(token, project(), bearer)).toBeDefined()
  })
})

describe('the keys of an issuer', () => {
  test('are asked for by nobody whose token is not meant for here', async () => {
    await using quiet = await startTokenIssuer()
    const bearer = open()
    const trusted = project({ issuer: quiet.url })
    const elsewhere = await sign(quiet.privateKey, { ...claims(), iss: 'https://evil.example' })
    const another = await sign(quiet.privateKey, { ...claims(), iss: quiet.url, aud: 'https://evil.example' })
    for (const token of [elsewhere, another, 'opaque'])
      expect(await credentialOf(token, trusted, bearer)).toBeUndefined()
    expect(quiet.asked).toEqual([])
  })

  test('are fetched once, and for an unknown key again every 30 seconds at most', async () => {
    await using own = await startTokenIssuer()
    const bearer = open()
    const trusted = project({ issuer: own.url })
    const by = (key: CryptoKey, kid: string) => sign(key, { ...claims(), iss: own.url }, { kid })
    const fetched = () => own.asked.filter((path) => path === '/keys').length
    expect(await credentialOf(await by(own.privateKey, 'first'), trusted, bearer)).toBeDefined()
    expect(fetched()).toBe(1)
    const next = await own.addKey('next')
    for (const _ of Array(5))
      expect(await credentialOf(await by(next, 'next'), trusted, bearer)).toBeUndefined()
    expect(fetched()).toBe(1)
    vi.useFakeTimers({ now: Date.now() + 31_000, toFake: ['Date'] })
    expect(await credentialOf(await by(next, 'next'), trusted, bearer)).toBeDefined()
    expect(await credentialOf(await by(next, 'unknown'), trusted, bearer)).toBeUndefined()
    expect(fetched()).toBe(2)
  })

  test('that cannot be had are not asked for at every token, and nobody is let in meanwhile', async () => {
    await using own = await startTokenIssuer()
    own.says.status = 503
    const bearer = open()
    warnings.length = 0
    const trusted = project({ issuer: own.url })
    const token = () => sign(own.privateKey, { ...claims(), iss: own.url })
    for (const _ of Array(5)) expect(await credentialOf(await token(), trusted, bearer)).toBeUndefined()
    expect(own.asked).toHaveLength(1)
    expect(warnings).toHaveLength(1)
    own.says.status = 200
    vi.useFakeTimers({ now: Date.now() + 31_000, toFake: ['Date'] })
    expect(await credentialOf(await token(), trusted, bearer)).toBeDefined()
  })

  test('of an issuer elsewhere are not fetched from this machine or a private network', async () => {
    await using trap = await startTrap()
    const lookup = () => Promise.resolve(['127.0.0.1'])
    const bearer = openBearer({ publicUrl: PUBLIC_URL, log: log as never, lookup })
    const port = new URL(trap.url).port
    for (const url of [`http://issuer.example:${port}`, 'http://issuer.example'])
      for (const trusted of [{ issuer: url }, { issuer: url, jwks_url: `${url}/keys` }]) {
        const token = await sign(issuer.privateKey, { ...claims(), iss: url })
        expect(await credentialOf(token, project(trusted), bearer)).toBeUndefined()
      }
    expect(trap.connections).toBe(0)
  })

  test('are not those that the metadata of another issuer names', async () => {
    await using own = await startTokenIssuer()
    own.says.issuer = `${own.url}/`
    const token = await sign(own.privateKey, { ...claims(), iss: own.url })
    expect(await credentialOf(token, project({ issuer: own.url }))).toBeUndefined()
    expect(own.asked).not.toContain('/keys')
  })

  test('may be named by the project: the metadata is not asked for then', async () => {
    await using own = await startTokenIssuer()
    const token = await sign(own.privateKey, { ...claims(), iss: own.url })
    const trusted = project({ issuer: own.url, jwks_url: `${own.url}/keys` })
    expect(await credentialOf(token, trusted)).toBeDefined()
    expect(own.asked).toEqual(['/keys'])
  })
})

describe('a token that was verified', () => {
  test('is known for a minute, without its signature being looked at again, and not a moment after its end', async () => {
    await using own = await startTokenIssuer()
    const bearer = open()
    const trusted = project({ issuer: own.url })
    const startMs = Date.now()
    const at = (seconds: number) => new Date(startMs + seconds * 1000)
    const token = await sign(own.privateKey, { ...claims(), iss: own.url })
    const first = await bearer.credential(token, trusted, at(0))
    // Without its keys nothing new can be verified.
    own.keys.length = 0
    vi.useFakeTimers({ now: startMs + 11 * 60_000, toFake: ['Date'] })
    expect(await bearer.credential(token, trusted, at(59))).toBe(first)
    expect(await bearer.credential(token, trusted, at(61))).toBeUndefined()
  })

  test('ends with its own end even when it is known', async () => {
    const bearer = open()
    const now = Math.floor(Date.now() / 1000)
    const token = await good({ exp: now + 20 })
    expect(await bearer.credential(token, project(), new Date())).toBeDefined()
    expect(await bearer.credential(token, project(), new Date((now + 30) * 1000))).toBeUndefined()
  })
})

async function startTrap() {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await crypto.subtle.exportKey('jwk', publicKey)
  const trap = { connections: 0, url: '', jwk }
  const server = createServer((_request, response) => response.end(JSON.stringify({ keys: [jwk] })))
  server.on('connection', () => trap.connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  trap.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  return Object.assign(trap, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
