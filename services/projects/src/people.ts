// What `auth` tells of people: who has registered, how they are called now, who is gone. In order, at least once.
import { LockMode } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { StreamMessage } from '@mcpshield/bus/stream'
import { auth } from '@mcpshield/contracts/auth'
import { AppError } from '@mcpshield/contracts/errors'
import { z } from 'zod'
import { ApprovalRow } from './approval-entity.ts'
import {
  InvitationRow,
  MemberRow,
  OrganizationPolicyRow,
  OrganizationRow,
  PersonRow,
  PolicyVersionRow,
} from './entities.ts'
import { deleteOrganization, giveOrganization } from './organizations.ts'
import type { Rows, Store } from './store.ts'
import { ToolPinRow } from './tool-pin-entity.ts'

type Deps = { store: Store; now(): Date }

/** Events of before there were last names still lie in the stream. */
const Person = auth.evt.userRegistered.payload.extend({ last_name: z.string().default('') })
type Person = z.infer<typeof Person>

type Apply = (em: EntityManager, payload: unknown, at: Date) => Promise<void>

const events: Record<string, Apply> = {
  [auth.evt.userRegistered.subject]: async (em, payload, at) => {
    const person = Person.parse(payload)
    if (!(await remember(em, person))) return
    await giveOrganization(em, { userId: person.user_id, firstName: person.first_name }, at)
  },
  [auth.evt.userChanged.subject]: async (em, payload) => {
    await remember(em, Person.parse(payload))
  },
  [auth.evt.userDeleted.subject]: async (em, payload, at) => {
    await forget(em, auth.evt.userDeleted.payload.parse(payload), at)
  },
}

/** Takes one event of a person: told twice, or once more after they are gone, it changes nothing. */
export function learnOfPeople({ store, now }: Deps): (message: StreamMessage) => Promise<void> {
  return async (message) => {
    const apply = events[message.subject]
    if (apply === undefined) return message.ack()
    const problem = await problemOf(store.everywhere, (em) => apply(em, message.json(), now()))
    if (problem === undefined) message.ack()
    else await message.bury(problem)
  }
}

/** Does the work; says what is wrong with an event that would never get through. */
async function problemOf(
  rows: Rows,
  work: (em: EntityManager) => Promise<void>,
): Promise<string | undefined> {
  try {
    await rows.change(work)
    return undefined
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) return 'not an event of this contract'
    if (error instanceof AppError && error.code === 'INVALID_ARGUMENT') return error.message
    throw error
  }
}

/** Makes an organisation for somebody who has left their last one. */
export async function giveHome({ store, now }: Deps, userId: string): Promise<void> {
  await store.everywhere.change(async (em) => {
    // Held: were they deleted meanwhile, the organisation would be left behind.
    await em.execute('insert into people (user_id) values (?) on conflict do nothing', [userId])
    const lock = { lockMode: LockMode.PESSIMISTIC_READ }
    const person = await em.findOneOrFail(PersonRow, { user_id: userId }, lock)
    if (person.deleted_at) return
    await giveOrganization(em, { userId, firstName: person.first_name ?? null }, now())
  })
}

/** Writes down what is known of a person; false when they are gone. */
async function remember(em: EntityManager, person: Person): Promise<boolean> {
  const rows = await em.execute<unknown[]>(
    `insert into people (user_id, email, first_name, last_name) values (?, ?, ?, ?)
     on conflict (user_id) do update
       set email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name
       where people.deleted_at is null
     returning user_id`,
    [person.user_id, person.email.toLowerCase(), person.first_name, person.last_name],
  )
  return rows.length > 0
}

/** Takes a person out of everything, and leaves a mark that keeps late events from bringing them back. */
async function forget(
  em: EntityManager,
  { user_id, email }: { user_id: string; email: string },
  at: Date,
): Promise<void> {
  await em.execute(
    `insert into people (user_id, deleted_at) values (?, ?)
     on conflict (user_id) do update
       set email = null, first_name = null, last_name = null,
           deleted_at = coalesce(people.deleted_at, excluded.deleted_at)`,
    [user_id, at.toISOString()],
  )
  const memberships = await em.find(MemberRow, { user_id }, { orderBy: { org_id: 'asc' } })
  for (const { org_id } of memberships) await leave(em, org_id, user_id)
  await em.nativeDelete(InvitationRow, { email: email.toLowerCase() })
  await em.nativeUpdate(OrganizationRow, { owner_user_id: user_id }, { owner_user_id: null })
  await em.nativeUpdate(InvitationRow, { invited_by: user_id }, { invited_by: null })
  await em.nativeUpdate(ToolPinRow, { approved_by: user_id }, { approved_by: null })
  await em.execute('update approvals set asked_by = null where lower(asked_by) = ?', [email.toLowerCase()])
  await em.nativeUpdate(ApprovalRow, { decided_by: user_id }, { decided_by: null })
  await em.nativeUpdate(PolicyVersionRow, { author_id: user_id }, { author_id: null })
  await em.nativeUpdate(OrganizationPolicyRow, { author_id: user_id }, { author_id: null })
}

/** An organisation that nobody is left in goes with its last member. */
async function leave(em: EntityManager, org_id: string, user_id: string): Promise<void> {
  await em.execute('select 1 from organizations where id = ? for update', [org_id])
  await em.nativeDelete(MemberRow, { org_id, user_id })
  if ((await em.count(MemberRow, { org_id })) === 0) return deleteOrganization(em, org_id)
  await em.execute(SUCCESSION_SQL, [org_id, org_id])
}

/** Two last owners may delete their accounts at once: who may most of those left, and longest, follows. */
const SUCCESSION_SQL = `update members set role = 'owner'
  where org_id = ?
    and not exists (select 1 from members x where x.org_id = members.org_id and x.role = 'owner')
    and user_id = (select user_id from members where org_id = ?
      order by array_position(array['admin', 'editor', 'viewer'], role::text), created_at, user_id limit 1)`
