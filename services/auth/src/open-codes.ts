// Mailed codes and reset tokens in Redis: one live code per address and purpose, each redeemed once.
import type { Purpose } from './codes.ts'
import { digestOf, type RedisConnection } from './redis.ts'

export type NewCode = {
  requestId: string
  email: string
  purpose: Purpose
  mac: string
  /** What the code is good for: a registration, a change of address, a person. */
  binding: string
  lifeMs: number
}

export type OpenCodes = {
  /** Puts a code in place of the one before. A request that comes again changes nothing. */
  put(code: NewCode): Promise<void>
  /** What the code was made for, once; undefined when it is wrong, used, late or was tried too often. */
  redeem(about: { email: string; purpose: Purpose; mac: string }): Promise<string | undefined>
  drop(email: string): Promise<void>
}

export type ResetGrant = { user_id: string; generation: number }

export type ResetTokens = {
  put(token: string, grant: ResetGrant, lifeMs: number): Promise<void>
  look(token: string): Promise<ResetGrant | undefined>
  /** The grant, for one caller only. */
  take(token: string): Promise<ResetGrant | undefined>
}

const keyOf = (purpose: Purpose, email: string) => `auth:code:${purpose}:${digestOf(email)}`

// KEYS: the code, the mark of its request. ARGV: mac, binding, life.
const PUT = `
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[3]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'mac', ARGV[1], 'binding', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`

// KEYS: the code. ARGV: mac, wrong tries after which it is void.
const REDEEM = `
local live = redis.call('HMGET', KEYS[1], 'mac', 'binding')
if not live[1] then return false end
if live[1] == ARGV[1] then
  redis.call('DEL', KEYS[1])
  return live[2]
end
if redis.call('HINCRBY', KEYS[1], 'tries', 1) >= tonumber(ARGV[2]) then redis.call('DEL', KEYS[1]) end
return false
`

export function openCodes(redis: RedisConnection, maxAttempts: number): OpenCodes {
  return {
    async put({ requestId, email, purpose, mac, binding, lifeMs }) {
      const keys = [keyOf(purpose, email), `auth:code-made:${requestId}`] as const
      await redis.ask((client) => client.eval(PUT, 2, ...keys, mac, binding, lifeMs))
    },
    async redeem({ email, purpose, mac }) {
      const binding = await redis.ask((client) =>
        client.eval(REDEEM, 1, keyOf(purpose, email), mac, maxAttempts),
      )
      return typeof binding === 'string' ? binding : undefined
    },
    async drop(email) {
      await redis.ask((client) => client.del(keyOf('verify_email', email), keyOf('reset_password', email)))
    },
  }
}

export function resetTokens(redis: RedisConnection): ResetTokens {
  const tokenKey = (token: string) => `auth:reset:${digestOf(token)}`
  const parsed = (text: string | null) => (text === null ? undefined : (JSON.parse(text) as ResetGrant))
  return {
    async put(token, grant, lifeMs) {
      await redis.ask((client) => client.set(tokenKey(token), JSON.stringify(grant), 'PX', lifeMs))
    },
    look: async (token) => parsed(await redis.ask((client) => client.get(tokenKey(token)))),
    take: async (token) => parsed(await redis.ask((client) => client.getdel(tokenKey(token)))),
  }
}
