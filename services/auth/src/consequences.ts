// What a change to a person brings about, written into the outbox in the change's transaction.
import { LockMode } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { MailJob } from '@mcpshield/contracts/mailer'
import { enqueue } from '@mcpshield/db/outbox'
import { RefreshTokenRow, UserRow } from './entities.ts'
import type { PersonEvent } from './people.ts'
import type { Ended } from './sessions.ts'

/** The outbox's topics; each goes out in order. */
export const TOPIC = {
  people: 'people',
  mail: 'mail',
  codes: 'codes',
  endedSessions: 'endedSessions',
} as const

/** The person, for whom this transaction is the only one that changes anything until it is over. */
export async function lockPerson(em: EntityManager, id: string): Promise<UserRow | undefined> {
  return (await em.findOne(UserRow, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })) ?? undefined
}

export function tellOf(em: EntityManager, event: PersonEvent, person: UserRow): void {
  const { id, email, first_name, last_name } = person
  const told =
    event === 'userDeleted' ? { user_id: id, email } : { user_id: id, email, first_name, last_name }
  enqueue(em, TOPIC.people, id, { event, person: told })
}

/** A mail to where the person is reached at the time of the change, whatever is changed next. */
export function sendMail(em: EntityManager, { id, email, first_name }: UserRow, mail: MailJob['mail']): void {
  enqueue(em, TOPIC.mail, id, { to: { email, first_name }, mail })
}

/** Ends the person's sessions, but for one that may stay; the caller closes them once this is committed. */
export async function endSessions(em: EntityManager, person: UserRow, except?: string): Promise<Ended> {
  person.generation += 1
  await em.nativeDelete(RefreshTokenRow, {
    user_id: person.id,
    ...(except === undefined ? {} : { session_id: { $ne: except } }),
  })
  const ended = {
    user_id: person.id,
    before: person.generation,
    ...(except === undefined ? {} : { except }),
  }
  enqueue(em, TOPIC.endedSessions, person.id, ended)
  return ended
}
