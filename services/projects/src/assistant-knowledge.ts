// What the assistant may know of a project: how it is called, what its policy says, which tools and systems it has. Nothing
// that is secret, nothing of its record, and no definition of a tool that was not approved or that speaks to a model.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import type { ProjectKnowledge, projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import type { NamedTool } from '@mcpshield/mcp/look-alike-names'
import { toolWarnings } from '@mcpshield/mcp/tool-warnings'
import { ApiKeyRow, PolicyVersionRow } from './entities.ts'
import { newestOrganizationPolicy } from './organization-policies.ts'
import { systemsOf } from './snapshots.ts'
import { found, projectOf, type Store } from './store.ts'
import type { ToolPinRow } from './tool-pin-entity.ts'

/** The assistant chooses among them those that a request is about. */
const MAX_TOOLS = 300
const MAX_KEYS = 50
/** Of one tool's definition; a larger one is left out. */
const MAX_DEFINITION_UNITS = 32_000
/** Of all of them together: they travel in one message. */
const MAX_DEFINITIONS_UNITS = 400_000

export function assistantKnowledgeHandlers({
  store,
}: {
  store: Store
}): Pick<Handlers<typeof projects.rpc, Call>, 'describeProject'> {
  return {
    async describeProject({ project_id }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        const project = await projectOf(em, org_id, project_id)
        const { name, environment, infrastructure, policy_version } = project
        const version = found(
          await em.findOne(PolicyVersionRow, { project_id, version: policy_version }),
          'version',
        )
        return {
          name,
          environment,
          infrastructure,
          policy_version,
          policy_yaml: version.policy_yaml,
          policy: version.policy,
          organization_policy: (await newestOrganizationPolicy(em, org_id))?.policy ?? null,
          systems: await systemsOf(em, project_id),
          keys: await keysOf(em, project_id),
          ...(await toolsOf(em, project_id)),
        }
      })
    },
  }
}

async function keysOf(em: EntityManager, project_id: string): Promise<ProjectKnowledge['keys']> {
  const rows = await em.find(
    ApiKeyRow,
    { project_id, revoked_at: null },
    { fields: ['name', 'labels'], orderBy: { id: 'desc' }, limit: MAX_KEYS },
  )
  return rows.map(({ name, labels }) => ({ name, labels }))
}

type Pin = Pick<ToolPinRow, 'name' | 'approved'> & { upstream: string; changed: boolean; pinned: string }

async function toolsOf(
  em: EntityManager,
  project_id: string,
): Promise<Pick<ProjectKnowledge, 'tools' | 'tools_left_out'>> {
  const pins = await em.execute<Pin[]>(
    `select u.slug as upstream, t.name, t.approved, t.offered_hash is not null as changed, count(*) over () as pinned
     from tool_pins t join upstreams u on u.id = t.upstream_id
     where t.project_id = ? order by u.slug, t.name limit ?`,
    [project_id, MAX_TOOLS * 2],
  )
  const names = pins.map(({ upstream, name }): NamedTool => ({ upstream, name }))
  const tools: ProjectKnowledge['tools'] = []
  let leftUnits = MAX_DEFINITIONS_UNITS
  for (const pin of pins) {
    if (tools.length === MAX_TOOLS || pin.approved.length > leftUnits) continue
    const tool = asTool(pin, names)
    if (tool === undefined) continue
    leftUnits -= pin.approved.length
    tools.push(tool)
  }
  return { tools, tools_left_out: Number(pins[0]?.pinned ?? 0) - tools.length }
}

function asTool(pin: Pin, names: NamedTool[]): ProjectKnowledge['tools'][number] | undefined {
  const { upstream, name, approved, changed } = pin
  if (changed || approved.length > MAX_DEFINITION_UNITS) return undefined
  const definition = JSON.parse(approved) as { description?: unknown; inputSchema?: never }
  if (toolWarnings(definition, { upstream, name }, names).length > 0) return undefined
  return {
    name: `${upstream}/${name}`,
    description: typeof definition.description === 'string' ? definition.description : '',
    input_schema: definition.inputSchema ?? {},
  }
}
