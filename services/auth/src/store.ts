// Queries of the auth schema.
import { UniqueConstraintViolationException } from '@mikro-orm/core'
import { AppError } from '@mcpshield/contracts/errors'
import type { Db } from '@mcpshield/db/connect'
import { enqueue } from '@mcpshield/db/outbox'
import { RefreshTokenRow, SigningKeyRow, UserRow } from './entities.ts'
import type { Users } from './service.ts'
import type { RefreshTokens } from './sessions.ts'
import type { KeyStore } from './tokens.ts'

export function userStore(db: Db, wake: () => void): Users {
  return {
    byEmail: async (email) => (await db.fork().findOne(UserRow, { email })) ?? undefined,
    byId: async (id) => (await db.fork().findOne(UserRow, { id })) ?? undefined,
    async register(person) {
      try {
        await db.fork().transactional(async (em) => {
          em.create(UserRow, { ...person, updated_at: person.created_at })
          const { id, email, first_name } = person
          enqueue(em, 'userRegistered', id, { user_id: id, email, first_name })
          await em.flush()
        })
      } catch (error) {
        if (error instanceof UniqueConstraintViolationException)
          throw new AppError('CONFLICT', 'There is a person with this e-mail address already.')
        throw error
      }
      wake()
    },
  }
}

export function refreshTokenStore(db: Db): RefreshTokens {
  return {
    async add(token, now) {
      const em = db.fork()
      await em.nativeDelete(RefreshTokenRow, { user_id: token.user_id, expires_at: { $lte: now } })
      await em.insert(RefreshTokenRow, token)
    },
    async find(digest) {
      const row = await db.fork().findOne(RefreshTokenRow, { digest })
      return row === null ? undefined : { ...row, used_at: row.used_at ?? null }
    },
    rotate: (token, successorDigest, now) =>
      db.fork().transactional(async (em) => {
        const { digest, session_id, user_id, expires_at } = token
        const used = await em.nativeUpdate(RefreshTokenRow, { digest, used_at: null }, { used_at: now })
        if (used !== 1) return false
        await em.insert(RefreshTokenRow, {
          digest: successorDigest,
          session_id,
          user_id,
          expires_at,
          used_at: null,
        })
        return true
      }),
    async endFamily(sessionId) {
      await db.fork().nativeDelete(RefreshTokenRow, { session_id: sessionId })
    },
  }
}

export function keyStore(db: Db): KeyStore {
  const newestFirst = { orderBy: { created_at: 'desc' } } as const
  return {
    ensure: (make) =>
      db.fork().transactional(async (em) => {
        // Two processes that start together must not make two keys.
        await em.execute("select pg_advisory_xact_lock(hashtext('auth:signing_keys'))")
        const keys = await em.find(SigningKeyRow, {}, newestFirst)
        if (keys.length > 0) return keys
        const made = { ...(await make()), created_at: new Date() }
        await em.insert(SigningKeyRow, made)
        return [made]
      }),
    async reseal(kid, sealed) {
      await db.fork().nativeUpdate(SigningKeyRow, { kid }, { sealed_private: sealed })
    },
  }
}
