import { createHmac, randomUUID } from 'node:crypto'
import { base64url, exportSPKI, generateKeyPair, importJWK } from 'jose'
import { describe, expect, test } from 'vitest'
import { ACCESS_TOKEN } from '@mcpshield/contracts/access-token'
import { AppError } from '@mcpshield/contracts/errors'
import { flow } from '@mcpshield/contracts/flow'
import { edge } from '../test/edge.ts'

const now = Math.floor(Date.now() / 1000)
const encoded = (value: object) => base64url.encode(JSON.stringify(value))

describe('access tokens', () => {
  test('a good one names its caller', async () => {
    const { app, sign, asked, org_id } = await edge()
    const [sub, sid] = [randomUUID(), randomUUID()]
    const token = await sign({ sub, sid })
    const answer = await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    expect(answer.statusCode).toBe(200)
    expect(asked[0]?.caller).toEqual({ kind: 'user', user_id: sub, session_id: sid, org_id, role: 'owner' })
  })

  test.for<[string, object, object]>([
    ['expired', { exp: now - 60 }, {}],
    ['without expiry', { exp: undefined }, {}],
    ['of another issuer', { iss: 'urn:someone:else' }, {}],
    ['for another audience', { aud: 'urn:mcpshield:other' }, {}],
    ['without audience', { aud: undefined }, {}],
    ['not valid yet', { nbf: now + 600 }, {}],
    ['without a session', { sid: undefined }, {}],
    ['whose person is no id', { sub: 'admin' }, {}],
    ['of another type', {}, { typ: 'JWT' }],
    ['without type', {}, { typ: undefined }],
    ['of a key that is not known', {}, { kid: 'another' }],
  ])('one %s is refused', async ([, claims, header]) => {
    const { app, sign, asked } = await edge()
    const token = await sign(claims, { header })
    const answer = await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toBe('Bearer')
    expect(answer.json()).toMatchObject({ type: 'urn:mcpshield:error:unauthenticated' })
    expect(asked).toEqual([])
  })

  test('the algorithm is ours to say: none, HS256 with the public key, and other keys are refused', async () => {
    const { app, sign, jwk } = await edge()
    const { kid, ...bare } = jwk
    const good = await sign()
    const claims = good.split('.')[1]
    const typ = ACCESS_TOKEN.type
    const spki = await exportSPKI((await importJWK(bare, 'EdDSA')) as never)
    const forged = (secret: string | Buffer) => {
      const signed = `${encoded({ alg: 'HS256', typ, kid })}.${claims}`
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    }
    const other = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
    const tokens = [
      `${encoded({ alg: 'none', typ, kid })}.${claims}.`,
      `${encoded({ alg: 'None', typ, kid })}.${claims}.`,
      forged(spki),
      forged(Buffer.from(jwk.x ?? '', 'base64url')),
      forged(JSON.stringify(jwk)),
      await sign({}, { key: other.privateKey }),
      await sign({}, { key: other.privateKey, header: { jwk: bare } }),
      await sign({}, { key: other.privateKey, header: { jku: 'https://evil.example/jwks.json' } }),
      `${good.slice(0, -4)}AAAA`,
      good.split('.').slice(0, 2).join('.'),
      'x.y.z',
    ]
    for (const token of tokens) {
      const answer = await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
      expect(answer.statusCode, token).toBe(401)
    }
    for (const authorization of [undefined, '', good, `Basic ${good}`, `Bearer`, `Bearer ${good} x`]) {
      const headers = authorization === undefined ? {} : { authorization }
      expect((await app.inject({ url: '/me', headers })).statusCode, authorization).toBe(401)
    }
    const url = `/me?access_token=${good}`
    expect((await app.inject({ url })).statusCode).toBe(401)
  })

  test('an ended session is refused, and one that cannot be checked is not let through', async () => {
    const ended = await edge({ session: { isOpen: async () => false } })
    const ask = async (each: typeof ended) =>
      each.app.inject({ url: '/me', headers: { authorization: `Bearer ${await each.sign()}` } })
    expect((await ask(ended)).statusCode).toBe(401)
    const unchecked = await edge({
      session: { isOpen: () => Promise.reject(new AppError('UNAVAILABLE', 'No answer.')) },
    })
    expect((await ask(unchecked)).statusCode).toBe(503)
    const nobody = await edge({ session: { membership: async () => undefined } })
    const answer = await ask(nobody)
    expect(answer.statusCode).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    for (const each of [ended, unchecked, nobody]) expect(each.asked).toEqual([])
  })

  test('keys are asked for again when a token names a new one, not for every stranger', async () => {
    let asked = 0
    const good = await edge()
    const fresh = await edge({
      session: {
        signingKeys: async () => {
          asked++
          return { keys: [good.jwk] }
        },
      },
    })
    for (let i = 0; i < 20; i++) {
      const token = await good.sign({}, { header: { kid: `made-up-${i}` } })
      await fresh.app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    }
    expect(asked).toBe(1)
  })
})

describe('API keys', () => {
  const evaluate = { method: 'POST', url: '/policy/evaluate', payload: { tool: 'x' } } as const

  test('a known key names its project; an unknown, expired or removed one is refused', async () => {
    const { app, asked, addKey, keys } = await edge()
    const key = addKey('mcps_good')
    addKey('mcps_old', '2020-01-01T00:00:00Z')
    const ask = (apiKey?: string) =>
      app.inject({ ...evaluate, headers: apiKey === undefined ? {} : { 'x-api-key': apiKey } })
    expect((await ask('mcps_good')).statusCode).toBe(200)
    expect(asked[0]?.caller).toMatchObject({ kind: 'key', key_id: key.key_id, project_id: key.project_id })
    for (const wrong of [undefined, '', 'mcps_other', 'mcps_old', 'mcps_good ,mcps_good'])
      expect((await ask(wrong)).statusCode, wrong).toBe(401)
    keys.clear()
    expect((await ask('mcps_good')).statusCode).toBe(401)
    expect(asked).toHaveLength(1)
  })

  test('while the watch is broken no key is believed', async () => {
    const { app, addKey } = await edge({ session: { keys: { current: () => false, get: () => undefined } } })
    addKey('mcps_good')
    const answer = await app.inject({ ...evaluate, headers: { 'x-api-key': 'mcps_good' } })
    expect(answer.statusCode).toBe(503)
  })

  test('each endpoint takes the credentials it names and no others', async () => {
    const { app, sign, addKey } = await edge()
    addKey('mcps_good')
    const user = { authorization: `Bearer ${await sign()}` }
    const program = { 'x-api-key': 'mcps_good' }
    const policy = `/projects/${randomUUID()}/policy`
    const status = async (options: object) => (await app.inject(options)).statusCode
    expect(await status({ url: '/me', headers: program })).toBe(401)
    expect(await status({ ...evaluate, headers: user })).toBe(401)
    expect(await status({ url: policy, headers: user })).toBe(200)
    expect(await status({ url: policy, headers: program })).toBe(200)
    expect(await status({ url: policy, headers: { ...user, ...program } })).toBe(400)
    expect(await status({ url: policy })).toBe(401)
  })

  test('every endpoint but signing in asks for a credential', async () => {
    const { app, asked } = await edge()
    for (const def of flow['rest-gateway'].calls) {
      if (!('http' in def) || def.http === undefined || def.access === 'public') continue
      const url = def.http.path.replace(/\{version\}/, '1').replace(/\{[^}]+\}/g, randomUUID())
      const answer = await app.inject({ method: def.http.method, url })
      expect(answer.statusCode, `${def.http.method} ${url}`).toBe(401)
    }
    expect(asked).toEqual([])
  })
})
