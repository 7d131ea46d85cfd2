// What every use case asks of the schema: units of work, and a project of the caller's own organisation.
import { LockMode, UniqueConstraintViolationException } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import { AppError } from '@mcpshield/contracts/errors'
import type { Db } from '@mcpshield/db/connect'
import { enqueue } from '@mcpshield/db/outbox'
import type { Person } from './access.ts'
import { adminEvent, type AdminChange } from './admin-event.ts'
import { ProjectRow } from './entities.ts'

export type Store = {
  read(): EntityManager
  /** One transaction; what it tells the world goes out with its commit. */
  change<T>(work: (em: EntityManager) => Promise<T>): Promise<T>
  ping(): Promise<number>
}

const taken: Record<string, string> = {
  projects_org_id_name_unique: 'There is a project of this name already.',
  upstreams_project_id_slug_unique: 'There is an upstream of this slug already.',
  connections_project_id_name_unique: 'There is a connection of this name already.',
}

export function projectsStore(db: Db, wake: () => void): Store {
  return {
    read: () => db.fork(),
    async change(work) {
      try {
        const result = await db.fork().transactional(work)
        wake()
        return result
      } catch (error) {
        if (UNSTORABLE.test(String((error as { code?: unknown }).code))) throw unstorable(error)
        throw error instanceof UniqueConstraintViolationException ? conflict(error) : error
      }
    },
    ping: () => db.ping(),
  }
}

/** PostgreSQL's refusals of text: NUL in a statement or a column, NUL or half a surrogate pair in JSON. */
const UNSTORABLE = /^(08P01|22021|22P05|22P02)$/

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

/** The row, or NOT_FOUND. */
export function found<T>(row: T | null, what: string): T {
  if (row === null) throw new AppError('NOT_FOUND', `There is no such ${what}.`)
  return row
}

/** Says that what decision points hold of a project is to be told anew. */
export function publishProject(em: EntityManager, projectId: string): void {
  enqueue(em, 'policies', projectId)
}

export function publishKey(em: EntityManager, digest: string): void {
  enqueue(em, 'keys', digest)
}

/** Puts the audit event of a change into its transaction. */
export function recordChange(em: EntityManager, person: Person, change: AdminChange, now: Date): void {
  const event = adminEvent(person, change, now)
  enqueue(em, 'audit', event.id, event)
}

/** Says that upstreams or connections have changed: gateways ask for the runtime again. */
export function runtimeChanged(em: EntityManager, project: ProjectRow, now: Date): void {
  project.runtime_version += 1
  project.updated_at = now
  publishProject(em, project.id)
}
