// Persons, as the use cases see them, and what is asked of their store.
import { auth, type Me, type Notifications, type User } from '@mcpshield/contracts/auth'
import { AppError } from '@mcpshield/contracts/errors'
import { z } from 'zod'
import type { Ended } from './sessions.ts'

export type Profile = {
  company: string | null
  job_title: string | null
  bio: string | null
  location: string | null
  website_url: string | null
}

export type Person = Profile & {
  id: string
  email: string
  password_hash: string
  first_name: string
  last_name: string
  is_email_verified: boolean
  notifications: Partial<Notifications>
  registration_id: string | null
  pending_email: string | null
  email_change_id: string | null
  email_change_at: Date | null
  generation: number
  created_at: Date
  updated_at: Date
}

export type Names = { first_name: string; last_name: string }

/** A registration as it waits: the password is a hash already. */
export type Registration = Names & { id: string; email: string; password_hash: string }

export type People = {
  byEmail(email: string): Promise<Person | undefined>
  byId(id: string): Promise<Person | undefined>
  /** Whose change to this address, asked for after `since`, is the newest. */
  byPendingEmail(email: string, since: Date): Promise<Person | undefined>
  /** Stores a person whose address counts as verified, and tells of them; CONFLICT when it is one's already. */
  add(person: Names & { id: string; email: string; password_hash: string; created_at: Date }): Promise<Person>
  /** Stores a registration in place of an earlier one of the address; undefined when the address is a person's. */
  saveRegistration(registration: Registration, now: Date): Promise<Person | undefined>
  /** Verifies the address of this very registration, and tells of the person; false when there is none to verify. */
  confirmRegistration(email: string, registrationId: string, now: Date): Promise<boolean>
  /** Changes names and profile, and tells when others have to know. */
  change(id: string, changes: Partial<Names & Profile>, now: Date): Promise<Person | undefined>
  setNotifications(id: string, chosen: Partial<Notifications>): Promise<Person | undefined>
  /** Deletes the person and all that is theirs here, and tells. */
  remove(id: string): Promise<Ended | undefined>
}

export const PersonEvent = z.enum(['userRegistered', 'userChanged', 'userDeleted'])
export type PersonEvent = z.infer<typeof PersonEvent>

/** What lies in the outbox of an event about a person. */
export const ToldOfPerson = z.discriminatedUnion('event', [
  z.object({ event: z.literal('userRegistered'), person: auth.evt.userRegistered.payload }),
  z.object({ event: z.literal('userChanged'), person: auth.evt.userChanged.payload }),
  z.object({ event: z.literal('userDeleted'), person: auth.evt.userDeleted.payload }),
])

export type ToldOfPerson = z.infer<typeof ToldOfPerson>

export async function personOf(deps: { people: People }, id: string): Promise<Person> {
  return present(await deps.people.byId(id))
}

/** The person, or UNAUTHENTICATED: a session may outlive its person by a moment. */
export function present<T>(found: T | undefined): T {
  if (found !== undefined) return found
  throw new AppError('UNAUTHENTICATED', 'This person does not exist any more.')
}

export function asUser({ id, email, first_name, last_name, is_email_verified, created_at }: Person): User {
  return { id, email, first_name, last_name, is_email_verified, created_at: created_at.toISOString() }
}

export function asMe(person: Person, seen: { mfaEnabled: boolean; pendingSince: Date }): Me {
  const { company, job_title, bio, location, website_url, email_change_at } = person
  const pending = email_change_at !== null && email_change_at > seen.pendingSince
  return {
    ...asUser(person),
    ...{ company, job_title, bio, location, website_url },
    pending_email: pending ? person.pending_email : null,
    mfa_enabled: seen.mfaEnabled,
    updated_at: person.updated_at.toISOString(),
  }
}

/** What was not chosen is wanted. */
export function notificationsOf(person: Person): Notifications {
  return {
    plan_limit_near: true,
    plan_limit_reached: true,
    pending_approval: true,
    quarantined_tool: true,
    ...person.notifications,
  }
}
