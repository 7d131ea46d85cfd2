// What every use case asks of the schema: units of work on an organisation's rows, and what they tell the world.
import { LockMode, UniqueConstraintViolationException } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import { AppError } from '@mcpshield/contracts/errors'
import type { MailJob } from '@mcpshield/contracts/mailer'
import { signedIn } from '@mcpshield/contracts/rights'
import { recordChange, type AdminChange } from '@mcpshield/db/admin-audit'
import type { Db } from '@mcpshield/db/connect'
import { enqueue } from '@mcpshield/db/outbox'
import { tenancy } from '@mcpshield/db/tenancy'
import { ApprovalRow } from './approval-entity.ts'
import { OrganizationRow, ProjectRow, UpstreamRow } from './entities.ts'

/** Work on rows, each piece one transaction. */
export type Rows = {
  read<T>(work: (em: EntityManager) => Promise<T>): Promise<T>
  /** What it tells the world goes out with its commit. */
  change<T>(work: (em: EntityManager) => Promise<T>): Promise<T>
}

export type Store = {
  /** The organisation's rows: the database shows no others. For whatever somebody asks of their organisation. */
  of(orgId: string): Rows
  /**
   * All rows: for what the service does of its own accord, and for what concerns one person in all their
   * organisations, by their id.
   */
  everywhere: Rows
  ping(): Promise<number>
}

const taken: Record<string, string> = {
  projects_org_id_name_unique: 'There is a project of this name already.',
  upstreams_project_id_slug_unique: 'There is an upstream of this slug already.',
  connections_project_id_name_unique: 'There is a connection of this name already.',
}

export function projectsStore(db: Db, wake: () => void): Store {
  const { inOrganization, acrossOrganizations } = tenancy(db)
  const rows = (within: Rows['read']): Rows => ({
    read: within,
    async change(work) {
      const result = await within(work).catch(refuse)
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

function refuse(error: unknown): never {
  if (UNSTORABLE.test(String((error as { code?: unknown }).code))) throw unstorable(error)
  throw error instanceof UniqueConstraintViolationException ? conflict(error) : error
}

function unstorable(cause: unknown): AppError {
  const message = 'A text has a character that cannot be stored: NUL, or half of a surrogate pair.'
  return new AppError('INVALID_ARGUMENT', message, { cause })
}

function conflict(error: UniqueConstraintViolationException): Error {
  const name = Object.keys(taken).find((each) => error.message.includes(each))
  return name === undefined ? error : new AppError('CONFLICT', taken[name] ?? '', { cause: error })
}

/** The project, if it is the organisation's: another's is as good as none. */
export async function projectOf(em: EntityManager, orgId: string, id: string): Promise<ProjectRow> {
  return found(await em.findOne(ProjectRow, { id, org_id: orgId }), 'project')
}

/** The same, held until the transaction ends: changes of one project follow each other. */
export async function lockProject(em: EntityManager, orgId: string, id: string): Promise<ProjectRow> {
  return found(
    await em.findOne(ProjectRow, { id, org_id: orgId }, { lockMode: LockMode.PESSIMISTIC_WRITE }),
    'project',
  )
}

/**
 * The organisation, held until the transaction ends: what is counted in it follows each other. Rows that only
 * refer to it do not wait.
 */
export async function lockOrganization(em: EntityManager, id: string): Promise<OrganizationRow> {
  await em.execute('select 1 from organizations where id = ? for no key update', [id])
  return found(await em.findOne(OrganizationRow, { id }), 'organisation')
}

/** A project's rows, for what another service asks: it knows no organisation. */
export async function rowsOfProject(store: Store, id: string): Promise<{ rows: Rows; org_id: string }> {
  const project = await store.everywhere.read((em) => em.findOne(ProjectRow, { id }, { fields: ['org_id'] }))
  const { org_id } = found(project, 'project')
  return { rows: store.of(org_id), org_id }
}

/** The row, or NOT_FOUND. */
export function found<T>(row: T | null | undefined, what: string): T {
  if (row === null || row === undefined) throw new AppError('NOT_FOUND', `There is no such ${what}.`)
  return row
}

/** Says that what decision points hold of a project is to be told anew. */
export function publishProject(em: EntityManager, projectId: string): void {
  enqueue(em, 'policies', projectId)
}

export function publishKey(em: EntityManager, digest: string): void {
  enqueue(em, 'keys', digest)
}

/** Says that an upstream's pins are to be told anew. */
export function publishPins(em: EntityManager, upstreamId: string): void {
  enqueue(em, 'pins', upstreamId)
}

export function publishApproval(em: EntityManager, approvalId: string): void {
  enqueue(em, 'approvals', approvalId)
}

/** Says that all pins and held calls of what is about to be deleted are to be told anew: as gone. */
export async function publishBelongings(
  em: EntityManager,
  of: { org_id: string } | { project_id: string },
): Promise<void> {
  for (const { id } of await em.find(UpstreamRow, of, { fields: ['id'] })) publishPins(em, id)
  const open = { ...of, open: true }
  for (const { id } of await em.find(ApprovalRow, open, { fields: ['id'] })) publishApproval(em, id)
}

export function tellProjectDeleted(em: EntityManager, payload: { org_id: string; project_id: string }): void {
  enqueue(em, 'projectDeleted', payload.project_id, payload)
}

export function tellOrganizationDeleted(em: EntityManager, payload: { org_id: string }): void {
  enqueue(em, 'organizationDeleted', payload.org_id, payload)
}

export function askForMail(em: EntityManager, job: MailJob): void {
  enqueue(em, 'mail', job.id, job)
}

/** Says that a person has left an organisation: if they are in none now, one is made for them. */
export function askForHome(em: EntityManager, userId: string): void {
  enqueue(em, 'homes', userId)
}

/** Puts the audit event of what no signed-in person did into its transaction: `role` says whose word it was. */
export function recordOf(
  em: EntityManager,
  call: Call,
  by: { org_id: string; role: string },
  change: Omit<AdminChange, 'service'>,
  now: Date,
): void {
  const caller = { ...by, user_id: null }
  recordChange(em, { caller, requestId: call.requestId }, { service: 'projects', ...change }, now)
}

/** Puts the audit event of what a signed-in person changed into its transaction. */
export function record(em: EntityManager, call: Call, change: Omit<AdminChange, 'service'>, now: Date): void {
  const by = { caller: signedIn(call.caller), requestId: call.requestId }
  recordChange(em, by, { service: 'projects', ...change }, now)
}

/** Says that upstreams or connections have changed: gateways ask for the runtime again. */
export function runtimeChanged(em: EntityManager, project: ProjectRow, now: Date): void {
  project.runtime_version += 1
  project.updated_at = now
  publishProject(em, project.id)
}
