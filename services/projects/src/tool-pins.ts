// Pinned tools as people see them: what was approved, what is offered now, and the word that ends a quarantine.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import { AppError } from '@mcpshield/contracts/errors'
import type { Handlers } from '@mcpshield/contracts/define'
import type { PinnedTool, PinSnapshot, projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import type { NamedTool } from '@mcpshield/mcp/look-alike-names'
import { toolWarnings } from '@mcpshield/mcp/tool-warnings'
import { UpstreamRow } from './entities.ts'
import { readPage } from './pages.ts'
import { diffTexts } from './policy-diff.ts'
import { found, lockProject, projectOf, publishPins, record, type Store } from './store.ts'
import { shownDefinition } from './tool-definitions.ts'
import { ToolPinRow } from './tool-pin-entity.ts'

type Names = 'listTools' | 'acceptTool'
type Deps = { store: Store; now(): Date }

/** Names beyond are not compared with: the work stays small whatever a project has. */
const MAX_COMPARED_NAMES = 10_000

export function toolPinHandlers({ store, now }: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async listTools({ project_id, upstream_id, ...page }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        await projectOf(em, org_id, project_id)
        const slug = await requireUpstream(em, project_id, upstream_id)
        const names = await namesOf(em, project_id)
        const show = (pin: ToolPinRow) => asTool(pin, slug, names)
        return readPage(em, ToolPinRow, { upstream_id }, 'name', page, show)
      })
    },

    async acceptTool({ project_id, upstream_id, name, offered_at }, call) {
      const { org_id } = signedIn(call.caller)
      const at = now()
      return store.of(org_id).change(async (em) => {
        await lockProject(em, org_id, project_id)
        const slug = await lockUpstream(em, project_id, upstream_id)
        const row = found(await em.findOne(ToolPinRow, { upstream_id, name }), 'tool')
        if (offered_at !== undefined && row.offered_at?.getTime() !== Date.parse(offered_at))
          throw new AppError('STALE', 'The tool is offered with another definition by now: look at it again.')
        if (row.offered_hash) await accept(em, call, row, at)
        return asTool(row, slug, await namesOf(em, project_id))
      })
    },
  }
}

/** The upstream's slug, with its pins held until the transaction ends. */
export async function lockUpstream(em: EntityManager, project_id: string, id: string): Promise<string> {
  const [row] = await em.execute<{ slug: string }[]>(
    'select slug from upstreams where id = ? and project_id = ? for no key update',
    [id, project_id],
  )
  return found(row, 'upstream').slug
}

/** The upstream's slug. */
export async function requireUpstream(em: EntityManager, project_id: string, id: string): Promise<string> {
  return found(await em.findOne(UpstreamRow, { id, project_id }, { fields: ['slug'] }), 'upstream').slug
}

async function accept(em: EntityManager, call: Call, row: ToolPinRow, at: Date): Promise<void> {
  const { upstream_id, name, project_id, approved_hash: before, offered, offered_hash } = row
  em.assign(row, {
    approved: offered ?? '',
    approved_hash: offered_hash ?? '',
    approved_by: signedIn(call.caller).user_id,
    approved_at: at,
    offered: null,
    offered_hash: null,
    offered_at: null,
  })
  publishPins(em, upstream_id)
  const reason = `Accepted the changed definition of the tool ${name}.`
  const given = { upstream_id, name, before, after: row.approved_hash }
  record(em, call, { method: 'acceptTool', projectId: project_id, reason, arguments: given }, at)
  await em.flush()
}

/** The names of the project's tools, which a tool's may look like. */
async function namesOf(em: EntityManager, project_id: string): Promise<NamedTool[]> {
  return em.execute<NamedTool[]>(
    `select u.slug as upstream, t.name from tool_pins t join upstreams u on u.id = t.upstream_id
     where t.project_id = ? order by t.approved_at, t.name limit ?`,
    [project_id, MAX_COMPARED_NAMES],
  )
}

function asTool(row: ToolPinRow, upstream: string, names: NamedTool[]): PinnedTool {
  const { name, approved, approved_by, approved_at } = row
  const offered = row.offered ?? null
  const definition = JSON.parse(offered ?? approved) as PinnedTool['approved']
  const text = (of: string, canonical: string) => ({ name: of, text: shownDefinition(canonical) })
  return {
    name,
    state: offered === null ? 'approved' : 'changed',
    approved: JSON.parse(approved) as PinnedTool['approved'],
    approved_by: approved_by ?? null,
    approved_at: approved_at.toISOString(),
    offered: offered === null ? null : definition,
    offered_at: row.offered_at?.toISOString() ?? null,
    diff: offered === null ? '' : diffTexts(text('approved', approved), text('offered', offered)).diff,
    warnings: toolWarnings(definition, { upstream, name }, names),
  }
}

/** The upstream's pins, or undefined when there is no such upstream or it has none. */
export async function pinSnapshot(em: EntityManager, upstream_id: string): Promise<PinSnapshot | undefined> {
  const rows = await em.find(ToolPinRow, { upstream_id }, { fields: ['name', 'project_id', 'approved_hash'] })
  const [first] = rows
  if (first === undefined) return undefined
  const pins = Object.fromEntries(rows.map(({ name, approved_hash }) => [name, approved_hash]))
  return { project_id: first.project_id, pins }
}
