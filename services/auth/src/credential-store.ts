// Queries of passwords, changes of address, and the end of all sessions.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Db } from '@mcpshield/db/connect'
import { enqueue } from '@mcpshield/db/outbox'
import { endSessions, lockPerson, sendMail, tellOf, TOPIC } from './consequences.ts'
import type { CodeRequest, Credentials } from './credentials.ts'
import { UserRow } from './entities.ts'
import { whenTaken } from './taken.ts'

const NO_EMAIL_CHANGE = { pending_email: null, email_change_id: null, email_change_at: null }

/** `wake` is called when a transaction with outbox rows has committed. */
export function credentialStore(db: Db, wake: () => void): Credentials {
  const changing = async <T>(work: (em: EntityManager) => Promise<T>): Promise<T> => {
    const done = await db.fork().transactional(work)
    wake()
    return done
  }
  return {
    request: (request, now) => changing(async (em) => put(em, request, now)),
    startEmailChange: (userId, { id, email }, now) =>
      changing(async (em) => {
        const row = await lockPerson(em, userId)
        if (row === undefined) return
        em.assign(row, { pending_email: email, email_change_id: id, email_change_at: now })
        put(em, { kind: 'email_change', user_id: userId, change_id: id, email }, now)
      }),
    async dropEmailChange(userId) {
      await db.fork().nativeUpdate(UserRow, { id: userId }, NO_EMAIL_CHANGE)
    },
    confirmEmailChange: (change, now) =>
      whenTaken(
        () => changing((em) => confirmChange(em, change, now)),
        () => undefined,
      ),
    setPassword: ({ id, generation }, { password_hash, provesMailbox }, now) =>
      changing(async (em) => {
        const row = await lockPerson(em, id)
        if (row === undefined || row.generation !== generation) return undefined
        em.assign(row, { password_hash, updated_at: now, ...NO_EMAIL_CHANGE })
        if (provesMailbox && !row.is_email_verified) {
          row.is_email_verified = true
          tellOf(em, 'userRegistered', row)
        }
        sendMail(em, row, { template: 'password_changed', time: now.toISOString() })
        return endSessions(em, row)
      }),
    endAllSessions: (userId) =>
      changing(async (em) => {
        const row = await lockPerson(em, userId)
        return row === undefined ? undefined : endSessions(em, row)
      }),
  }
}

/** Requests of one address keep their order: the newest code is the one that holds. */
function put(em: EntityManager, request: CodeRequest, now: Date): void {
  enqueue(em, TOPIC.codes, request.email, { ...request, requested_at: now.toISOString() })
}

async function confirmChange(
  em: EntityManager,
  change: { userId: string; id: string; email: string },
  now: Date,
) {
  const row = await lockPerson(em, change.userId)
  if (row === undefined || row.email_change_id !== change.id || row.pending_email !== change.email) return
  // A registration that nobody confirmed does not hold the address.
  await em.nativeDelete(UserRow, { email: change.email, is_email_verified: false })
  sendMail(em, row, { template: 'email_changed', time: now.toISOString() }) // To the address that is left.
  em.assign(row, { email: change.email, updated_at: now, ...NO_EMAIL_CHANGE })
  tellOf(em, 'userChanged', row)
  return endSessions(em, row)
}
