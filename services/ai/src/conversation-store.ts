// Conversations: a person's own, in one project, bounded in number, length and bytes. What is oldest goes first.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Output } from '@mcpshield/contracts/define'
import type { ai, AiSource } from '@mcpshield/contracts/ai'
import { decodeCursor, encodeCursor } from '@mcpshield/contracts/cursors'
import { AppError } from '@mcpshield/contracts/errors'
import type { SignedIn } from '@mcpshield/contracts/rights'
import type { Tenancy } from '@mcpshield/db/tenancy'
import { z } from 'zod'
import { ConversationRow, MessageRow } from './entities.ts'

export type Said = { role: 'user' | 'assistant'; text: string; policy: string | null }
export type NewMessage = Said & { source: AiSource | null }

export type Conversations = {
  /** The conversation to go on with, or a new one. */
  open(caller: SignedIn, project_id: string, id: string | undefined, title: string): Promise<string>
  /** What was said last, the oldest first. */
  recent(orgId: string, id: string): Promise<Said[]>
  /** Nothing where the conversation was forgotten meanwhile. */
  add(orgId: string, id: string, messages: NewMessage[]): Promise<void>
  list(caller: SignedIn, input: ListInput): Promise<Output<typeof ai.rpc.listConversations>>
  get(caller: SignedIn, id: string): Promise<Output<typeof ai.rpc.getConversation>>
  remove(caller: SignedIn, id: string): Promise<void>
}

type ListInput = { project_id: string; limit: number; cursor?: string | undefined }

/** Of one person in one project. */
const MAX_CONVERSATIONS = 50
const MAX_MESSAGES = 60
const MAX_BYTES = 1024 * 1024
const MAX_TEXT_UNITS = 16_000
const TITLE_UNITS = 80
const RECENT = 8

const Place = z.tuple([z.enum(['older', 'newer']), z.uuid()])

export function conversationStore(tenants: Tenancy, now: () => Date): Conversations {
  return {
    open: (caller, project_id, id, title) =>
      tenants.inOrganization(caller.org_id, async (em) => {
        if (id !== undefined) {
          const row = await conversationOf(em, caller, id)
          if (row.project_id !== project_id) throw notFound()
          return id
        }
        return begin(em, caller, project_id, title, now())
      }),

    recent: (orgId, id) =>
      tenants.inOrganization(orgId, async (em) => {
        const rows = await em.find(
          MessageRow,
          { conversation_id: id },
          { orderBy: { id: 'desc' }, limit: RECENT },
        )
        return rows.reverse().map(({ role, text, policy }) => ({ role, text, policy: policy ?? null }))
      }),

    add: (orgId, id, messages) =>
      tenants.inOrganization(orgId, async (em) => {
        // Held, so that two answers do not trim each other's.
        const held = await em.execute('select id from conversations where id = ? for update', [id])
        if (held.length === 0) return
        for (const { role, text, policy, source } of messages) {
          em.persist(
            em.create(MessageRow, {
              ...{ org_id: orgId, conversation_id: id, role, policy, source },
              text: text.slice(0, MAX_TEXT_UNITS).replaceAll('\0', '').toWellFormed(),
              created_at: now(),
            }),
          )
        }
        await em.flush()
        await trim(em, id)
        const count = await em.count(MessageRow, { conversation_id: id })
        await em.nativeUpdate(ConversationRow, { id }, { messages: count, updated_at: now() })
      }),

    list: (caller, input) => tenants.inOrganization(caller.org_id, (em) => list(em, caller, input)),

    get: (caller, id) =>
      tenants.inOrganization(caller.org_id, async (em) => {
        const row = await conversationOf(em, caller, id)
        const messages = await em.find(MessageRow, { conversation_id: id }, { orderBy: { id: 'asc' } })
        const items = messages.map(({ role, text, policy, source, created_at }) => ({
          ...{ role, text, policy: policy ?? null, source: source ?? null },
          created_at: created_at.toISOString(),
        }))
        return { ...headOf(row), items }
      }),

    remove: (caller, id) =>
      tenants.inOrganization(caller.org_id, async (em) => {
        em.remove(await conversationOf(em, caller, id))
        await em.flush()
      }),
  }
}

/** The person's own; anybody else's is as good as none. */
async function conversationOf(em: EntityManager, caller: SignedIn, id: string): Promise<ConversationRow> {
  const row = await em.findOne(ConversationRow, { id, user_id: caller.user_id, org_id: caller.org_id })
  if (row === null) throw notFound()
  return row
}

function notFound(): AppError {
  return new AppError('NOT_FOUND', 'There is no such conversation.')
}

async function begin(
  em: EntityManager,
  { org_id, user_id }: SignedIn,
  project_id: string,
  text: string,
  at: Date,
): Promise<string> {
  const id = randomUUIDv7()
  const title = text.replace(/\s+/g, ' ').slice(0, TITLE_UNITS).toWellFormed()
  em.persist(
    em.create(ConversationRow, {
      ...{ id, org_id, project_id, user_id, title, messages: 0 },
      created_at: at,
      updated_at: at,
    }),
  )
  await em.flush()
  await em.execute(
    `delete from conversations where id in (
       select id from conversations where user_id = ? and project_id = ? order by updated_at desc, id desc
       offset ${MAX_CONVERSATIONS})`,
    [user_id, project_id],
  )
  return id
}

/** Keeps the newest messages that fit. */
async function trim(em: EntityManager, id: string): Promise<void> {
  await em.execute(
    `delete from messages where id in (
       select id from (
         select id, row_number() over newest as place,
           sum(octet_length(text) + coalesce(octet_length(policy), 0)) over newest as bytes
         from messages where conversation_id = ?
         window newest as (order by id desc)) as sized
       where place > ${MAX_MESSAGES} or (bytes > ${MAX_BYTES} and place > 2))`,
    [id],
  )
}

async function list(
  em: EntityManager,
  { user_id }: SignedIn,
  { project_id, limit, cursor }: ListInput,
): Promise<Output<typeof ai.rpc.listConversations>> {
  const place = cursor === undefined ? undefined : decodeCursor(Place, cursor)
  const older = place?.[0] !== 'newer'
  const beyond = place === undefined ? {} : { id: older ? { $lt: place[1] } : { $gt: place[1] } }
  const rows = await em.find(
    ConversationRow,
    { $and: [{ user_id, project_id }, beyond] },
    { orderBy: { id: older ? 'desc' : 'asc' }, limit: limit + 1 },
  )
  const more = rows.length > limit
  const page = rows.slice(0, limit)
  if (!older) page.reverse()
  const at = (row: ConversationRow | undefined, direction: 'older' | 'newer', there: boolean) =>
    there && row !== undefined ? encodeCursor([direction, row.id]) : null
  return {
    items: page.map(headOf),
    next_cursor: at(page.at(-1), 'older', older ? more : true),
    prev_cursor: at(page[0], 'newer', older ? place !== undefined : more),
  }
}

function headOf({ id, project_id, title, messages, created_at, updated_at }: ConversationRow) {
  return {
    ...{ id, project_id, title, messages },
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  }
}
