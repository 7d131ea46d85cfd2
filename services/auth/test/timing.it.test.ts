// Nobody can measure whether an address is registered. Known and unknown addresses are asked about in turn, so that
// whatever else the machine does falls on both.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { auth } from '@mcpshield/contracts/auth'
import { freshEmail, startWorld, type World } from './world.ts'

const PEOPLE = 40
const ROUNDS = 100
/** How far the medians may be apart, and what is noise whatever the factor. */
const FACTOR = 1.25
const NOISE_MS = 0.5

let world: World
let known: string[]

beforeAll(async () => {
  world = await startWorld()
  known = (await Promise.all(Array.from({ length: PEOPLE }, () => world.person()))).map(({ email }) => email)
})
afterAll(() => world[Symbol.asyncDispose]())

const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!

async function timesOf(ask: (email: string, round: number) => Promise<unknown>, rounds = ROUNDS) {
  const times = { known: [] as number[], unknown: [] as number[] }
  const measure = async (kind: 'known' | 'unknown', email: string, round: number) => {
    const startedMs = performance.now()
    await ask(email, round).catch(() => undefined)
    times[kind].push(performance.now() - startedMs)
  }
  for (let round = 0; round < rounds; round++) {
    // Limits count by address: each is asked about three times at most. The order changes from round to round.
    const turns = [
      ['known', known[round % PEOPLE]!],
      ['unknown', freshEmail()],
    ] as const
    for (const [kind, email] of round % 2 === 0 ? turns : turns.toReversed())
      await measure(kind, email, round)
  }
  return { known: median(times.known), unknown: median(times.unknown) }
}

function expectAlike(medians: { known: number; unknown: number }): void {
  const [less, more] = [medians.known, medians.unknown].sort((a, b) => a - b) as [number, number]
  expect(more, JSON.stringify(medians)).toBeLessThanOrEqual(less * FACTOR + NOISE_MS)
}

async function forgetLimits(): Promise<void> {
  const keys = await world.redis.keys('auth:registrations:*')
  if (keys.length > 0) await world.redis.del(...keys)
}

test('asking for a code takes as long for a known address as for an unknown one', async () => {
  const ask = (email: string) => world.anonymous(auth.rpc.requestOtp, { email, purpose: 'reset_password' })
  expectAlike(await timesOf(ask))
})

test('registering takes as long for a known address as for an unknown one', async () => {
  await forgetLimits()
  expectAlike(await timesOf((email) => world.register(email)))
})

test('a wrong password takes as long for a known address as for an unknown one', async () => {
  const ask = (email: string, round: number) =>
    world.login(email, { password: 'not the password', address: `192.0.2.${round}` })
  expectAlike(await timesOf(ask))
})

test('a wrong code takes as long for a known address as for an unknown one', async () => {
  const ask = (email: string) =>
    world.anonymous(auth.rpc.verifyOtp, { email, purpose: 'reset_password', code: '000000' })
  expectAlike(await timesOf(ask))
})

test('the measure tells one more hash: whoever is known is asked about twice here', async () => {
  const wrong = (email: string, round: number) =>
    world
      .login(email, { password: 'not the password', address: `198.51.100.${round}` })
      .catch(() => undefined)
  const ask = async (email: string, round: number) => {
    if (known.includes(email)) await wrong(email, round)
    await wrong(email, round)
  }
  const medians = await timesOf(ask, 30)
  expect(() => expectAlike(medians)).toThrow()
})
