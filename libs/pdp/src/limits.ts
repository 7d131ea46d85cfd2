// Rate limits as an exact sliding window in Redis: every instance counts in the same window. No answer
// from Redis is a refusal.
import { Redis } from 'ioredis'
import type { Log } from '@mcpshield/bus/log'

/** One window to take a call from. */
export type Window = { key: string; calls: number; perMs: number }

export type Taken = { taken: true } | { taken: false; exceeded: number; retryAfterMs: number }

export type LimitStore = AsyncDisposable & {
  /** Takes one call from every window, or from none when one is full (`exceeded` is its index). */
  take(windows: Window[], callId: string): Promise<Taken>
  ping(): Promise<number>
}

// KEYS: one sorted set per window. ARGV: call id, then calls and milliseconds of each window. Redis's own
// clock is used, so that instances with different clocks agree.
const TAKE = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
for i, key in ipairs(KEYS) do
  local calls = tonumber(ARGV[2 * i])
  local per = tonumber(ARGV[2 * i + 1]) * 1000
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - per)
  if redis.call('ZCARD', key) >= calls then
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    local wait = per
    if oldest[2] then wait = tonumber(oldest[2]) + per - now end
    return { i, math.ceil(wait / 1000) }
  end
end
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now, ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2 * i + 1])
end
return { 0, 0 }
`

const COMMAND_TIMEOUT_MS = 1_000

export function connectLimitStore(url: string, log: Log): LimitStore {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: (tries) => Math.min(tries * 100, 1_000),
  })
  redis.on('error', (error: Error) => log.warn({ error: error.message }, 'redis'))
  redis.defineCommand('takeWindows', { lua: TAKE })
  const take = redis as unknown as {
    takeWindows: (...args: (string | number)[]) => Promise<[number, number]>
  }
  return {
    async take(windows, callId) {
      const keys = windows.map((window) => window.key)
      const args = windows.flatMap((window) => [window.calls, window.perMs])
      const [exceeded, retryAfterMs] = await take.takeWindows(keys.length, ...keys, callId, ...args)
      return exceeded === 0 ? { taken: true } : { taken: false, exceeded: exceeded - 1, retryAfterMs }
    },
    async ping() {
      const startedMs = performance.now()
      await redis.ping()
      return performance.now() - startedMs
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect()
    },
  }
}
