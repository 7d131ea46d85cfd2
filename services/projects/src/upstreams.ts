// Upstream MCP servers of a project. What opens them is sealed, and never shown again.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError, type FieldError } from '@mcpshield/contracts/errors'
import type { projects, Upstream } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import type { z } from 'zod'
import { UpstreamRow } from './entities.ts'
import { changedOAuth, changedSettings, checkSettings, oauthColumns, shownOAuth } from './oauth-settings.ts'
import { readPage } from './pages.ts'
import { requireRoom, takesMoreThan } from './room.ts'
import type { Secrets } from './secrets.ts'
import { serverKind } from './server-kind.ts'
import { shownArgs, shownUrl } from './shown.ts'
import { found, lockProject, projectOf, publishPins, record, runtimeChanged, type Store } from './store.ts'

type Names = 'listUpstreams' | 'createUpstream' | 'getUpstream' | 'updateUpstream' | 'deleteUpstream'
type Deps = { store: Store; secrets: Secrets; now(): Date }

/** How an upstream is reached. */
export type Reach = {
  transport: z.infer<typeof Upstream>['transport']
  url: string | null
  headers: Record<string, string>
  command: string | null
  args: string[]
  env: Record<string, string>
}

/** A project's upstreams travel together, to decision points and to gateways. */
const MAX_UPSTREAMS = 100
const MAX_FIELD_BYTES = 16 * 1024

/** The first word of a connector's tools (`postgres.query`): no upstream may look like one. */
const RESERVED = ['postgres', 'mysql', 'sqlite', 'mongodb', 'redis', 'filesystem', 'network']

/** Headers that frame a request, say where it goes, or carry the protocol. */
const OURS = new Set(
  (
    'accept connection content-length content-type expect host keep-alive mcp-protocol-version mcp-session-id ' +
    'te trailer transfer-encoding upgrade'
  ).split(' '),
)

export function upstreamHandlers({
  store,
  secrets,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async listUpstreams({ project_id, ...page }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        return readPage(em, UpstreamRow, { project_id }, 'id', page, asUpstream)
      })
    },

    async getUpstream({ project_id, upstream_id }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        return asUpstream(await upstreamOf(em, project_id, upstream_id))
      })
    },

    async createUpstream({ project_id, slug, oauth, ...given }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      return store.of(org_id).change(async (em) => {
        const project = await lockProject(em, org_id, project_id)
        requireRoom(await em.count(UpstreamRow, { project_id }), MAX_UPSTREAMS, 'upstreams')
        const reach = checkedReach(slug, withDefaults(given))
        const settings = changedSettings(null, oauth)
        checkSettings(reach, settings)
        const id = randomUUIDv7()
        const row = em.create(UpstreamRow, {
          id,
          project_id,
          org_id,
          slug,
          ...(await stored(em, secrets, org_id, id, reach)),
          ...(await oauthColumns(em, secrets, { id, org_id }, settings && { settings, authorization: {} })),
          created_at: at,
        })
        runtimeChanged(em, project, at)
        record(em, call, eventOf('createUpstream', 'Added', row), at)
        await em.flush()
        return asUpstream(row)
      })
    },

    async updateUpstream({ project_id, upstream_id, slug, oauth, ...given }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      return store.of(org_id).change(async (em) => {
        const project = await lockProject(em, org_id, project_id)
        const row = await upstreamOf(em, project_id, upstream_id)
        const before = await openReach(em, secrets, org_id, row)
        const changed = { ...kept(before, given.transport), ...withoutUndefined(given) }
        requireSecretsAnew(before, changed, given)
        const reach = checkedReach(slug ?? row.slug, changed)
        em.assign(row, {
          slug: slug ?? row.slug,
          ...(await changedOAuth(em, secrets, row, { before, reach, oauth })),
          ...(await stored(em, secrets, org_id, row.id, reach)),
        })
        runtimeChanged(em, project, at)
        record(em, call, eventOf('updateUpstream', 'Changed', row), at)
        await em.flush()
        return asUpstream(row)
      })
    },

    async deleteUpstream({ project_id, upstream_id }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      await store.of(org_id).change(async (em) => {
        const project = await lockProject(em, org_id, project_id)
        const row = await upstreamOf(em, project_id, upstream_id)
        em.remove(row)
        publishPins(em, row.id)
        runtimeChanged(em, project, at)
        record(em, call, eventOf('deleteUpstream', 'Removed', row), at)
        await em.flush()
      })
      return {}
    },
  }
}

type Given = { [K in keyof Reach]?: Reach[K] | undefined }

function withDefaults(given: Given & { transport: Reach['transport'] }): Reach {
  return { url: null, headers: {}, command: null, args: [], env: {}, ...withoutUndefined(given) } as Reach
}

/** Another transport starts from nothing: what belonged to the old one does not linger. */
function kept(before: Reach, transport: Reach['transport'] | undefined): Reach {
  const local = (each: Reach['transport']) => each === 'stdio'
  return transport === undefined || local(transport) === local(before.transport)
    ? before
    : withDefaults({ transport })
}

/** Headers and environment are never shown: nobody may have them sent to a place that they were not given for. */
function requireSecretsAnew(before: Reach, changed: Reach, given: Given): void {
  const originOf = ({ url }: Reach) => (url !== null && URL.canParse(url) ? new URL(url).origin : url)
  const errors: FieldError[] = []
  if (given.headers === undefined && hasMembers(changed.headers) && originOf(before) !== originOf(changed))
    errors.push({ path: 'headers', message: 'must be given anew where the url leads to another origin' })
  if (given.env === undefined && hasMembers(changed.env) && before.command !== changed.command)
    errors.push({ path: 'env', message: 'must be given anew for another command' })
  if (errors.length > 0) throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors })
}

const hasMembers = (record: Record<string, string>) => Object.keys(record).length > 0

function withoutUndefined(given: Given): Partial<Reach> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function checkedReach(slug: string, reach: Reach): Reach {
  const errors: FieldError[] = []
  const wrong = (path: string, message: string) => errors.push({ path, message })
  if (RESERVED.includes(slug)) wrong('slug', `is reserved for the connector ${slug}`)
  if (reach.transport === 'stdio') {
    if (reach.command === null) wrong('command', 'is needed for the transport stdio')
    if (reach.url !== null) wrong('url', 'is for the transports http and sse')
    if (Object.keys(reach.headers).length > 0) wrong('headers', 'are for the transports http and sse')
  } else {
    if (reach.url === null) wrong('url', `is needed for the transport ${reach.transport}`)
    else if (!/^https?:$/.test(new URL(reach.url).protocol)) wrong('url', 'must be http: or https:')
    if (reach.command !== null) wrong('command', 'is for the transport stdio')
    if (reach.args.length > 0) wrong('args', 'are for the transport stdio')
    if (Object.keys(reach.env).length > 0) wrong('env', 'is for the transport stdio')
  }
  for (const field of ['headers', 'args', 'env'] as const) {
    if (takesMoreThan(MAX_FIELD_BYTES, reach[field]))
      wrong(field, `must not take more than ${MAX_FIELD_BYTES} bytes`)
  }
  for (const [name, value] of Object.entries(reach.headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) wrong(`headers.${name}`, 'is not the name of a header')
    if (/[\r\n\0]/.test(value)) wrong(`headers.${name}`, 'must not have line breaks')
    if (OURS.has(name.toLowerCase())) wrong(`headers.${name}`, 'is set by the gateway itself')
  }
  for (const [name, value] of Object.entries(reach.env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) wrong(`env.${name}`, 'is not the name of a variable')
    if (value.includes('\0')) wrong(`env.${name}`, 'must not have NUL')
  }
  if (errors.length > 0) throw new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors })
  return reach
}

/** An upstream's columns: what may be shown, what facts need, and the rest sealed. */
async function stored(em: EntityManager, secrets: Secrets, orgId: string, id: string, reach: Reach) {
  const { transport, command, url, headers, args, env } = reach
  return {
    transport,
    command,
    shown_url: shownUrl(url),
    shown_args: shownArgs(args),
    header_names: Object.keys(headers),
    env_names: Object.keys(env),
    sealed: await secrets.seal(em, orgId, `upstreams/${id}`, { url, headers, args, env }),
    ...serverKind(command, args),
  }
}

/** How the upstream is reached, secrets included. */
export async function openReach(
  em: EntityManager,
  secrets: Secrets,
  orgId: string,
  row: UpstreamRow,
): Promise<Reach> {
  const opened = (await secrets.open(em, orgId, `upstreams/${row.id}`, row.sealed)) as Pick<
    Reach,
    'url' | 'headers' | 'args' | 'env'
  >
  return { transport: row.transport, command: row.command ?? null, ...opened }
}

async function upstreamOf(em: EntityManager, project_id: string, id: string): Promise<UpstreamRow> {
  return found(await em.findOne(UpstreamRow, { id, project_id }), 'upstream')
}

function asUpstream(row: UpstreamRow): z.infer<typeof Upstream> {
  const { id, slug, transport, header_names, env_names, command, shown_url, shown_args, created_at } = row
  return {
    id,
    slug,
    transport,
    url: shown_url ?? null,
    header_names,
    command: command ?? null,
    args: shown_args,
    env_names,
    oauth: shownOAuth(row),
    created_at: created_at.toISOString(),
  }
}

function eventOf(method: string, verb: string, row: UpstreamRow) {
  const { created_at: _, ...shown } = asUpstream(row)
  return {
    method,
    projectId: row.project_id,
    reason: `${verb} the upstream ${row.slug}.`,
    arguments: shown,
  }
}
