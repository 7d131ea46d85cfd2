// What every use case asks of the schema: units of work on an organisation's feeds, and what they tell the world.
import { randomUUID } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import { AppError } from '@mcpshield/contracts/errors'
import { signedIn } from '@mcpshield/contracts/rights'
import { recordChange, type AdminChange } from '@mcpshield/db/admin-audit'
import type { Db } from '@mcpshield/db/connect'
import { enqueue } from '@mcpshield/db/outbox'
import { tenancy } from '@mcpshield/db/tenancy'
import { FeedRow } from './entities.ts'

/** Work on rows, each piece one transaction. */
export type Rows = {
  read<T>(work: (em: EntityManager) => Promise<T>): Promise<T>
  /** What it tells the world goes out with its commit. */
  change<T>(work: (em: EntityManager) => Promise<T>): Promise<T>
}

export type Store = {
  /** The organisation's rows: the database shows no others. For whatever somebody asks of their organisation. */
  of(orgId: string): Rows
  /** All rows: for what the service does of its own accord. */
  everywhere: Rows
  ping(): Promise<number>
}

export function siemStore(db: Db, wake: () => void): Store {
  const { inOrganization, acrossOrganizations } = tenancy(db)
  const rows = (within: Rows['read']): Rows => ({
    read: within,
    async change(work) {
      const result = await within(work).catch(refuseText)
      wake()
      return result
    },
  })
  return {
    of: (orgId) => rows((work) => inOrganization(orgId, work)),
    everywhere: rows(acrossOrganizations),
    ping: () => db.ping(),
  }
}

/** PostgreSQL's refusals of text: NUL in a statement or a column, NUL or half a surrogate pair in JSON. */
const UNSTORABLE = /^(08P01|22021|22P05|22P02)$/

function refuseText(error: unknown): never {
  if (!UNSTORABLE.test(String((error as { code?: unknown }).code))) throw error
  const message = 'A text has a character that cannot be stored: NUL, or half of a surrogate pair.'
  throw new AppError('INVALID_ARGUMENT', message, { cause: error })
}

/** Held until the transaction ends: what is counted in an organisation follows each other. */
export async function lockOrganization(em: EntityManager, orgId: string): Promise<void> {
  await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`siem:${orgId}`])
}

/** The credential or forwarder, or NOT_FOUND. */
export async function feedOf(
  em: EntityManager,
  id: string,
  which: 'credential' | 'forwarder',
): Promise<FeedRow> {
  const kind = which === 'credential' ? 'credential' : { $ne: 'credential' as const }
  const row = await em.findOne(FeedRow, { id, kind })
  if (row === null) throw new AppError('NOT_FOUND', `There is no such ${which}.`)
  return row
}

/** By the outbox: a feed's durable consumer, a credential's account, and what that account holds. */
export const DURABLES_TOPIC = 'durables'
export const ACCOUNTS_TOPIC = 'accounts'
export const CLEARINGS_TOPIC = 'clearings'

/** Says that what belongs to a feed outside of the database is to be looked at: the feed has changed, or is gone. */
export function settle(em: EntityManager, { id, kind }: Pick<FeedRow, 'id' | 'kind'>): void {
  enqueue(em, DURABLES_TOPIC, id)
  if (kind === 'credential') enqueue(em, ACCOUNTS_TOPIC, id)
}

/** Puts the audit event of what a signed-in person changed into its transaction. */
export function record(
  em: EntityManager,
  call: Call,
  change: Pick<AdminChange, 'method' | 'reason' | 'arguments'>,
  now: Date,
): void {
  const by = { caller: signedIn(call.caller), requestId: call.requestId }
  recordChange(em, by, { service: 'siem', projectId: null, ...change }, now)
}

/** The same of what the service did of its own accord. */
export function recordOwn(
  em: EntityManager,
  orgId: string,
  change: Pick<AdminChange, 'method' | 'reason' | 'arguments'>,
  now: Date,
): void {
  const by = { caller: { org_id: orgId, user_id: null, role: 'siem' }, requestId: randomUUID() }
  recordChange(em, by, { service: 'siem', projectId: null, ...change }, now)
}
