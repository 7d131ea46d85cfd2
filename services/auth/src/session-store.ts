// Queries of refresh tokens and sign-ins.
import type { Db } from '@mcpshield/db/connect'
import type { EntityManager } from '@mikro-orm/postgresql'
import { lockPerson, sendMail } from './consequences.ts'
import { RefreshTokenRow, SignInClientRow } from './entities.ts'
import type { RefreshTokens, SignIn } from './sessions.ts'

/** A network and program not seen for this long are new again. */
export const REMEMBERED_CLIENT_MS = 90 * 86_400_000

export function refreshTokenStore(db: Db, wake: () => void): RefreshTokens {
  return {
    async begin(signIn) {
      const { token, now } = signIn
      const begun = await db.fork().transactional(async (em) => {
        const person = await lockPerson(em, token.user_id)
        if (person === undefined || person.generation !== signIn.generation) return false
        const isFirst = (person.last_sign_in_at ?? null) === null
        person.last_sign_in_at = now
        await em.nativeDelete(RefreshTokenRow, { user_id: token.user_id, expires_at: { $lte: now } })
        await em.insert(RefreshTokenRow, token)
        const isNew = await noteClient(em, signIn)
        if (isNew && !isFirst) {
          const { address, user_agent } = signIn
          sendMail(em, person, { template: 'new_sign_in', time: now.toISOString(), address, user_agent })
        }
        return true
      })
      wake()
      return begun
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

/** Whether the person had not signed in from there in the time that is remembered. */
async function noteClient(em: EntityManager, { token, client, now }: SignIn): Promise<boolean> {
  const { user_id } = token
  const forgotten = new Date(now.getTime() - REMEMBERED_CLIENT_MS)
  await em.nativeDelete(SignInClientRow, { user_id, last_at: { $lte: forgotten } })
  const seen = await em.nativeUpdate(SignInClientRow, { user_id, client }, { last_at: now })
  if (seen === 0) await em.insert(SignInClientRow, { user_id, client, last_at: now })
  return seen === 0
}
