import { expect, test } from 'vitest'
import { edge } from '../test/edge.ts'

const evaluate = { method: 'POST', url: '/policy/evaluate', payload: { tool: 'x' } } as const

async function guessing() {
  const made = await edge()
  made.addKey('mcps_good')
  made.addKey('mcps_at_work')
  let guesses = 0
  const ask = async (apiKey: string | undefined, remoteAddress = '192.0.2.1') =>
    made.app.inject({
      ...evaluate,
      remoteAddress,
      headers: apiKey === undefined ? {} : { 'x-api-key': apiKey },
    })
  const guess = (remoteAddress?: string) => ask(`mcps_guess_${guesses++}`, remoteAddress)
  return { ...made, ask, guess }
}

test('after 120 wrong credentials a network tries no more, not even the right one, for the rest of the minute', async () => {
  const { ask, guess, asked } = await guessing()
  for (let i = 0; i < 120; i++) expect((await guess()).statusCode).toBe(401)
  const refused = await guess()
  expect(refused.statusCode).toBe(429)
  expect(refused.json()).toMatchObject({ type: 'urn:mcpshield:error:too_many_failures' })
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50)
  expect((await ask('mcps_good')).statusCode).toBe(429)
  expect(asked).toEqual([])
  expect((await ask('mcps_good', '192.0.2.2')).statusCode).toBe(200)
})

test('who is at work is not locked out by a neighbour’s failures', async () => {
  const { ask, guess, sign, app } = await guessing()
  const headers = { authorization: `Bearer ${await sign()}` }
  const me = () => app.inject({ url: '/me', headers, remoteAddress: '192.0.2.1' })
  expect((await ask('mcps_at_work')).statusCode).toBe(200)
  expect((await me()).statusCode).toBe(200)
  for (let i = 0; i < 125; i++) await guess()
  expect((await ask('mcps_good')).statusCode).toBe(429)
  expect((await ask('mcps_at_work')).statusCode).toBe(200)
  expect((await me()).statusCode).toBe(200)
})

test('a key that was good is still refused once it is revoked', async () => {
  const { ask, keys } = await guessing()
  expect((await ask('mcps_at_work')).statusCode).toBe(200)
  keys.clear()
  expect((await ask('mcps_at_work')).statusCode).toBe(401)
})

test('wrong access tokens count, requests without any credential do not', async () => {
  const { app, ask } = await guessing()
  for (let i = 0; i < 200; i++) expect((await ask(undefined)).statusCode).toBe(401)
  for (let i = 0; i < 121; i++) {
    const headers = { authorization: `Bearer garbage${i}` }
    await app.inject({ url: '/me', headers, remoteAddress: '192.0.2.1' })
  }
  expect((await ask('mcps_good')).statusCode).toBe(429)
  const { body } = await app.inject('/metrics')
  expect(body).toContain('mcpshield_http_limited_total{route="GET /me",limit="failures"} 1')
})

test('signing in stays open to a network whose credentials failed: it has limits of its own', async () => {
  const { app, guess } = await guessing()
  for (let i = 0; i < 125; i++) await guess()
  const login = { method: 'POST', url: '/auth/login', payload: {}, remoteAddress: '192.0.2.1' } as const
  expect((await app.inject(login)).statusCode).toBe(200)
})
