// Connections of the built-in connectors. Their URLs are sealed, and never shown again.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, Output } from '@mcpshield/contracts/define'
import { AppError, type FieldError } from '@mcpshield/contracts/errors'
import type { projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import { secretKindOf } from '@mcpshield/redact/secret-names'
import { ConnectionRow } from './entities.ts'
import { readPage } from './pages.ts'
import { requireRoom, takesMoreThan } from './room.ts'
import type { Secrets } from './secrets.ts'
import { found, lockProject, projectOf, record, runtimeChanged, type Store } from './store.ts'

type Names =
  'listConnections' | 'createConnection' | 'getConnection' | 'updateConnection' | 'deleteConnection'
type Deps = { store: Store; secrets: Secrets; now(): Date }
type Connection = Output<typeof projects.rpc.getConnection>
type Settings = { url: string | null; path: string | null; options: Connection['options'] }

/** A project's connections travel together, to decision points and to gateways. */
const MAX_CONNECTIONS = 100
const MAX_OPTIONS_BYTES = 16 * 1024

export function connectionHandlers({
  store,
  secrets,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async listConnections({ project_id, ...page }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        return readPage(em, ConnectionRow, { project_id }, 'id', page, asConnection)
      })
    },

    async getConnection({ project_id, connection_id }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        return asConnection(await connectionOf(em, project_id, connection_id))
      })
    },

    async createConnection({ project_id, name, kind, ...given }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      return store.of(org_id).change(async (em) => {
        const project = await lockProject(em, org_id, project_id)
        requireRoom(await em.count(ConnectionRow, { project_id }), MAX_CONNECTIONS, 'connections')
        const id = randomUUIDv7()
        const { url, ...shown } = checked(kind, {
          url: given.url ?? null,
          path: given.path ?? null,
          options: given.options ?? {},
        })
        const row = em.create(ConnectionRow, {
          id,
          project_id,
          org_id,
          name,
          kind,
          ...shown,
          sealed_url: await sealUrl(em, secrets, org_id, id, url),
          created_at: at,
        })
        runtimeChanged(em, project, at)
        record(em, call, eventOf('createConnection', 'Added', row), at)
        await em.flush()
        return asConnection(row)
      })
    },

    async updateConnection({ project_id, connection_id, name, ...given }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      return store.of(org_id).change(async (em) => {
        const project = await lockProject(em, org_id, project_id)
        const row = await connectionOf(em, project_id, connection_id)
        const { url, ...shown } = checked(row.kind, {
          url: given.url ?? (await openUrl(em, secrets, org_id, row)),
          path: given.path ?? row.path ?? null,
          options: given.options ?? (row.options as Connection['options']),
        })
        em.assign(row, {
          name: name ?? row.name,
          ...shown,
          sealed_url: await sealUrl(em, secrets, org_id, row.id, url),
        })
        runtimeChanged(em, project, at)
        record(em, call, eventOf('updateConnection', 'Changed', row), at)
        await em.flush()
        return asConnection(row)
      })
    },

    async deleteConnection({ project_id, connection_id }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      await store.of(org_id).change(async (em) => {
        const project = await lockProject(em, org_id, project_id)
        const row = await connectionOf(em, project_id, connection_id)
        em.remove(row)
        runtimeChanged(em, project, at)
        record(em, call, eventOf('deleteConnection', 'Removed', row), at)
        await em.flush()
      })
      return {}
    },
  }
}

const schemes: Partial<Record<Connection['kind'], RegExp>> = {
  postgresql: /^postgres(ql)?:$/,
  mysql: /^mysql:$/,
  mongodb: /^mongodb(\+srv)?:$/,
  redis: /^rediss?:$/,
  http: /^https?:$/,
}

/** Whether the settings are what the kind needs: a URL of its scheme, or a path on the gateway's machine. */
function checked(kind: Connection['kind'], settings: Settings): Settings {
  const { url, path, options } = settings
  const errors: FieldError[] = []
  const wrong = (at: string, message: string) => errors.push({ path: at, message })
  const scheme = schemes[kind]
  if (scheme !== undefined) {
    if (path !== null) wrong('path', `is not for a connection of kind ${kind}`)
    if (url === null) {
      // Without one, the policy's allowed_domains alone say what a request may reach.
      if (kind !== 'http') wrong('url', `is needed for a connection of kind ${kind}`)
    } else if (!URL.canParse(oneHost(url)) || !scheme.test(new URL(oneHost(url)).protocol)) {
      wrong('url', `must be a URL of a scheme such as ${kind}:`)
    } else if (databaseIn(url) === undefined) wrong('url', 'has a path that cannot be decoded')
  } else {
    if (url !== null) wrong('url', `is not for a connection of kind ${kind}`)
    if (path === null || !path.startsWith('/') || path.includes('\0'))
      wrong('path', 'must be an absolute path')
  }
  if (takesMoreThan(MAX_OPTIONS_BYTES, options))
    wrong('options', `must not take more than ${MAX_OPTIONS_BYTES} bytes`)
  for (const name of Object.keys(options)) {
    if (secretKindOf(name) !== undefined) wrong(`options.${name}`, 'looks like a secret; put it into the url')
  }
  if (errors.length > 0) throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors })
  const namesDatabase = kind === 'mysql' || kind === 'mongodb'
  return namesDatabase && url !== null ? { ...settings, options: withDatabase(url, options) } : settings
}

/** MongoDB's URLs may name several hosts, which no URL of the web does. */
function oneHost(url: string): string {
  return url.replace(/^(mongodb:\/\/(?:[^/@]*@)?[^/,?]+)(?:,[^/?]*)/, '$1')
}

/** The URL is sealed, but decision points must know which database names without one are of. */
function withDatabase(url: string, options: Settings['options']): Settings['options'] {
  const database = databaseIn(url) ?? ''
  return database === '' ? options : { ...options, database }
}

/** The database that a URL names, empty where it names none; undefined for what cannot be decoded. */
function databaseIn(url: string): string | undefined {
  try {
    return decodeURIComponent(new URL(oneHost(url)).pathname.slice(1))
  } catch {
    return undefined
  }
}

const place = (id: string) => `connections/${id}`

async function sealUrl(em: EntityManager, secrets: Secrets, orgId: string, id: string, url: string | null) {
  return url === null ? null : secrets.seal(em, orgId, place(id), url)
}

/** The URL, secrets included. */
export async function openUrl(
  em: EntityManager,
  secrets: Secrets,
  orgId: string,
  row: ConnectionRow,
): Promise<string | null> {
  if (row.sealed_url === null || row.sealed_url === undefined) return null
  return (await secrets.open(em, orgId, place(row.id), row.sealed_url)) as string
}

async function connectionOf(em: EntityManager, project_id: string, id: string): Promise<ConnectionRow> {
  return found(await em.findOne(ConnectionRow, { id, project_id }), 'connection')
}

function asConnection({ id, name, kind, path, options, sealed_url, created_at }: ConnectionRow): Connection {
  return {
    id,
    name,
    kind,
    has_url: typeof sealed_url === 'string',
    path: path ?? null,
    options: options as Connection['options'],
    created_at: created_at.toISOString(),
  }
}

function eventOf(method: string, verb: string, row: ConnectionRow) {
  const { created_at: _, ...shown } = asConnection(row)
  return {
    method,
    projectId: row.project_id,
    reason: `${verb} the connection ${row.name} (${row.kind}).`,
    arguments: shown,
  }
}
