// Open sessions in Redis: a session exists while its key does. Per person the set of their sessions' ids.
import type { Redis } from 'ioredis'
import type { RedisConnection } from './redis.ts'
import type { Ended, OpenSessions, SessionFacts } from './sessions.ts'

const keyOf = (id: string) => `auth:open:${id}`
const keyOfAll = (userId: string) => `auth:open-of:${userId}`

/** A session is seen once a minute at most: a check is a read most of the time. */
const SEEN_EVERY_MS = 60_000

// KEYS: session. ARGV: now, how often to write.
const TOUCH = `
local found = redis.call('HMGET', KEYS[1], 'seen', 'expires', 'idle')
if not found[1] then return 0 end
local now = tonumber(ARGV[1])
if now - tonumber(found[1]) >= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'seen', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], math.max(1, math.min(tonumber(found[3]), tonumber(found[2]) - now)))
end
return 1
`

// KEYS: session, the person's set. ARGV: the session's id.
const CLOSE = `
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('DEL', KEYS[1])
return 1
`

export function openSessions(redis: RedisConnection): OpenSessions {
  return {
    async open(session) {
      await redis.ask((client) => write(client, session))
    },
    async touch(id, now) {
      const answer = await redis.ask((client) =>
        client.eval(TOUCH, 1, keyOf(id), now.getTime(), SEEN_EVERY_MS),
      )
      return answer === 1
    },
    async list(userId, now) {
      return redis.ask(async (client) => {
        const ids = await client.zrange(keyOfAll(userId), '0', '-1')
        const found = await Promise.all(
          ids.map(async (id) => ({ id, fields: await client.hgetall(keyOf(id)) })),
        )
        const gone = found.filter(({ fields }) => fields.user === undefined).map(({ id }) => id)
        if (gone.length > 0) await client.zrem(keyOfAll(userId), ...gone)
        return found
          .filter(({ fields }) => fields.user === userId && Number(fields.expires) > now.getTime())
          .map(({ id, fields }) => read(id, fields))
      })
    },
    async close(userId, id) {
      const was = await redis.ask((client) => client.eval(CLOSE, 2, keyOf(id), keyOfAll(userId), id))
      return was === 1
    },
    async closeAll(ended) {
      await redis.ask((client) => closeEarlier(client, ended))
    },
  }
}

/** At once in both places: a session that is open can always be found in its person's set. */
async function write(client: Redis, session: SessionFacts): Promise<void> {
  const { id, user_id, created_at, expires_at, idleMs } = session
  const lifeMs = expires_at.getTime() - created_at.getTime()
  const all = keyOfAll(user_id)
  const opening = client
    .multi()
    .zadd(all, expires_at.getTime(), id)
    .hset(keyOf(id), {
      user: user_id,
      generation: session.generation,
      created: created_at.getTime(),
      seen: created_at.getTime(),
      expires: expires_at.getTime(),
      idle: idleMs,
      address: session.address,
      ...(session.user_agent === null ? {} : { agent: session.user_agent }),
    })
    .pexpire(keyOf(id), Math.min(lifeMs, idleMs))
    // As long as the longest of them; the first time it has no end yet.
    .pexpire(all, lifeMs, 'NX')
    .pexpire(all, lifeMs, 'GT')
  await done(opening)
}

function read(id: string, fields: Record<string, string>) {
  const time = (name: string) => new Date(Number(fields[name]))
  return {
    id,
    user_id: fields.user ?? '',
    generation: Number(fields.generation),
    created_at: time('created'),
    last_seen_at: time('seen'),
    expires_at: time('expires'),
    idleMs: Number(fields.idle),
    address: fields.address ?? '',
    user_agent: fields.agent ?? null,
  }
}

/** What is opened meanwhile is of a later generation, or is refused by the database and closed by who opened it. */
async function closeEarlier(client: Redis, { user_id, before, except }: Ended): Promise<void> {
  const ids = await client.zrange(keyOfAll(user_id), '0', '-1')
  const earlier = await Promise.all(
    ids.map(async (id) => Number((await client.hget(keyOf(id), 'generation')) ?? -1) < before),
  )
  const closing = ids.filter((id, index) => earlier[index] === true && id !== except)
  if (closing.length === 0) return
  const removing = client
    .multi()
    .del(...closing.map(keyOf))
    .zrem(keyOfAll(user_id), ...closing)
  await done(removing)
}

/** Runs a transaction; an error of one of its commands is an error. */
async function done(transaction: ReturnType<Redis['multi']>): Promise<void> {
  const results = (await transaction.exec()) ?? []
  for (const [error] of results) if (error !== null) throw error
}
