// API keys: shown once, stored as a digest, revoked everywhere within a second.
import { createHash, randomBytes, randomUUIDv7 } from 'node:crypto'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, Output } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import { ApiKeyRow } from './entities.ts'
import { readPage } from './pages.ts'
import { found, lockProject, projectOf, publishKey, record, type Store } from './store.ts'

type Names = 'listKeys' | 'createKey' | 'updateKey' | 'revokeKey' | 'reportKeyUse'
type Deps = { store: Store; now(): Date }

const PREFIX = 'mcps_'
const SHOWN_CHARACTERS = 12

export function keyHandlers({ store, now }: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async listKeys({ project_id, ...page }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        return readPage(em, ApiKeyRow, { project_id }, 'id', page, asKey)
      })
    },

    async createKey({ project_id, name, labels, expires_at, upstreams }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      const apiKey = `${PREFIX}${randomBytes(32).toString('base64url')}`
      const row = await store.of(org_id).change(async (em) => {
        await lockProject(em, org_id, project_id)
        const key = em.create(ApiKeyRow, {
          id: randomUUIDv7(),
          project_id,
          org_id,
          name,
          prefix: apiKey.slice(0, SHOWN_CHARACTERS),
          digest: createHash('sha256').update(apiKey).digest('hex'),
          labels,
          upstreams: upstreams ?? null,
          killed: false,
          expires_at: futureTime(expires_at, at),
          last_used_at: null,
          created_at: at,
          revoked_at: null,
        })
        publishKey(em, key.digest)
        const { id: key_id, prefix } = key
        record(
          em,
          call,
          {
            method: 'createKey',
            projectId: project_id,
            reason: `Created the API key ${name} (${prefix}…).`,
            arguments: { key_id, name, labels, upstreams: upstreams ?? null, expires_at: expires_at ?? null },
          },
          at,
        )
        await em.flush()
        return key
      })
      return { ...asKey(row), api_key: apiKey }
    },

    async updateKey({ project_id, key_id, ...given }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      const row = await store.of(org_id).change(async (em) => {
        await lockProject(em, org_id, project_id)
        const key = found(await em.findOne(ApiKeyRow, { id: key_id, project_id }), 'API key')
        if (key.revoked_at) throw new AppError('NOT_FOUND', 'This API key was revoked.')
        if (given.name !== undefined) key.name = given.name
        if (given.labels !== undefined) key.labels = given.labels
        if (given.upstreams !== undefined) key.upstreams = given.upstreams
        if (given.killed !== undefined) key.killed = given.killed
        if (given.expires_at !== undefined) key.expires_at = futureTime(given.expires_at, at)
        publishKey(em, key.digest)
        record(
          em,
          call,
          {
            method: 'updateKey',
            projectId: project_id,
            reason: `Changed the API key ${key.name} (${key.prefix}…).`,
            arguments: {
              key_id,
              ...Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)),
            },
          },
          at,
        )
        await em.flush()
        return key
      })
      return asKey(row)
    },

    async revokeKey({ project_id, key_id }, call) {
      const { org_id } = signedIn(call.caller)
      await store.of(org_id).change(async (em) => {
        await lockProject(em, org_id, project_id)
        const key = found(await em.findOne(ApiKeyRow, { id: key_id, project_id }), 'API key')
        key.revoked_at ??= now()
        publishKey(em, key.digest)
        record(
          em,
          call,
          {
            method: 'revokeKey',
            projectId: project_id,
            reason: `Revoked the API key ${key.name} (${key.prefix}…).`,
            arguments: { key_id },
          },
          now(),
        )
        await em.flush()
      })
      return {}
    },

    async reportKeyUse({ uses }) {
      await store.everywhere.change((em) => em.execute(USES_SQL, [JSON.stringify(uses)]))
      return {}
    },
  }
}

/**
 * A use never goes back in time; nor does it lie in the future, where a reporter's clock may be. Rows are held in
 * the order of their ids: reports that come at once wait for each other, not in a circle.
 */
const USES_SQL = `with used as (
    select key_id, least(max(time), now()) as time
    from jsonb_to_recordset(?::jsonb) as u (key_id uuid, time timestamptz) group by key_id
  ), held as (
    select id from api_keys where id in (select key_id from used) order by id for no key update
  )
  update api_keys set last_used_at = used.time
  from used join held on held.id = used.key_id
  where api_keys.id = held.id and (last_used_at is null or last_used_at < used.time)`

function futureTime(text: string | null | undefined, now: Date): Date | null {
  if (text === null || text === undefined) return null
  const time = new Date(text)
  if (time > now) return time
  throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', {
    errors: [{ path: 'expires_at', message: 'must lie in the future' }],
  })
}

function asKey(row: ApiKeyRow): Output<typeof projects.rpc.updateKey> {
  const text = (time: Date | null | undefined) => time?.toISOString() ?? null
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    labels: row.labels,
    upstreams: row.upstreams ?? null,
    killed: row.killed,
    expires_at: text(row.expires_at),
    last_used_at: text(row.last_used_at),
    created_at: row.created_at.toISOString(),
    revoked_at: text(row.revoked_at),
  }
}
