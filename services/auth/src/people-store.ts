// Queries of people.
import { LockMode } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import { AppError } from '@mcpshield/contracts/errors'
import type { Db } from '@mcpshield/db/connect'
import { endSessions, lockPerson, tellOf } from './consequences.ts'
import { UserRow } from './entities.ts'
import { present, type People, type Person, type Registration } from './people.ts'
import { whenTaken } from './taken.ts'

/** `wake` is called when a transaction with outbox rows has committed. */
export function peopleStore(db: Db, wake: () => void): People {
  const changing = async <T>(work: (em: EntityManager) => Promise<T>): Promise<T> => {
    const done = await db.fork().transactional(work)
    wake()
    return done
  }
  return {
    byEmail: async (email) => asPerson(await db.fork().findOne(UserRow, { email })),
    byId: async (id) => asPerson(await db.fork().findOne(UserRow, { id })),
    async byPendingEmail(email, since) {
      const newest = { orderBy: { email_change_at: 'desc' } } as const
      return asPerson(
        await db.fork().findOne(UserRow, { pending_email: email, email_change_at: { $gt: since } }, newest),
      )
    },
    add: (person) =>
      whenTaken(
        () =>
          changing(async (em) => {
            // An address that nobody has confirmed is nobody's: it does not stand in the operator's way.
            await em.nativeDelete(UserRow, { email: person.email, is_email_verified: false })
            const row = em.create(UserRow, newRow({ ...person, is_email_verified: true }))
            tellOf(em, 'userRegistered', row)
            await em.flush()
            return present(asPerson(row))
          }),
        () => {
          throw new AppError('CONFLICT', 'There is a person with this e-mail address already.')
        },
      ),
    saveRegistration: (registration, now) =>
      whenTaken(
        () => db.fork().transactional((em) => saveRegistration(em, registration, now)),
        () => {
          throw new Error('the address of a registration was taken at the same moment')
        },
      ),
    confirmRegistration: (email, registrationId, now) =>
      changing(async (em) => {
        const waiting = { email, registration_id: registrationId, is_email_verified: false }
        const row = await em.findOne(UserRow, waiting, { lockMode: LockMode.PESSIMISTIC_WRITE })
        if (row === null) return false
        em.assign(row, { is_email_verified: true, updated_at: now })
        tellOf(em, 'userRegistered', row)
        return true
      }),
    change: (id, changes, now) =>
      changing(async (em) => {
        const row = await lockPerson(em, id)
        if (row === undefined) return undefined
        const renamed = (['first_name', 'last_name'] as const).some(
          (name) => changes[name] !== undefined && changes[name] !== row[name],
        )
        em.assign(row, { ...changes, updated_at: now })
        if (renamed) tellOf(em, 'userChanged', row)
        return asPerson(row)
      }),
    setNotifications: (id, chosen) =>
      db.fork().transactional(async (em) => {
        const row = await lockPerson(em, id)
        if (row !== undefined) row.notifications = { ...row.notifications, ...chosen }
        return asPerson(row)
      }),
    remove: (id) =>
      changing(async (em) => {
        const row = await lockPerson(em, id)
        if (row === undefined) return undefined
        const ended = await endSessions(em, row)
        tellOf(em, 'userDeleted', row)
        em.remove(row)
        return ended
      }),
  }
}

async function saveRegistration(em: EntityManager, registration: Registration, now: Date) {
  const { id, email, password_hash, first_name, last_name } = registration
  const row = await em.findOne(UserRow, { email }, { lockMode: LockMode.PESSIMISTIC_WRITE })
  if (row?.is_email_verified === true) return undefined
  const changes = { password_hash, first_name, last_name, registration_id: id, updated_at: now }
  const saved =
    row === null
      ? em.create(UserRow, newRow({ ...changes, id, email, created_at: now, is_email_verified: false }))
      : em.assign(row, changes)
  await em.flush()
  return asPerson(saved)
}

function newRow(person: {
  id: string
  email: string
  password_hash: string
  first_name: string
  last_name: string
  is_email_verified: boolean
  registration_id?: string
  created_at: Date
}) {
  return { ...person, notifications: {}, generation: 0, updated_at: person.created_at }
}

function asPerson(row: UserRow | null | undefined): Person | undefined {
  if (row === null || row === undefined) return undefined
  return {
    ...row,
    company: row.company ?? null,
    job_title: row.job_title ?? null,
    bio: row.bio ?? null,
    location: row.location ?? null,
    website_url: row.website_url ?? null,
    registration_id: row.registration_id ?? null,
    pending_email: row.pending_email ?? null,
    email_change_id: row.email_change_id ?? null,
    email_change_at: row.email_change_at ?? null,
  }
}
