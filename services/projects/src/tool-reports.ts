// What gateways tell of an upstream's tools. The first word counts: a tool is approved as it was first seen, and a change
// of it waits for a person. Reports come at once from several gateways: they follow each other, and none fails.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'
import { ProjectRow } from './entities.ts'
import { tellPeople } from './people-to-tell.ts'
import { isNothing, pinChanges, type Pin, type PinChanges } from './pin-changes.ts'
import { publishPins, recordOf, rowsOfProject, type Store } from './store.ts'
import { readDefinition, type Definition } from './tool-definitions.ts'
import { ToolPinRow } from './tool-pin-entity.ts'
import { lockUpstream, requireUpstream } from './tool-pins.ts'

type Names = 'reportTools'
type Deps = {
  store: Store
  /** Where people reach the dashboard, without a slash at its end. */
  webUrl: string
  now(): Date
}
type Report = { orgId: string; projectId: string; upstreamId: string; slug: string; call: Call; at: Date }

/** A server that changes its tools to and fro would be a flood of mail: one an hour of each, and not more of all. */
const MAIL_AGAIN_AFTER_MS = 3_600_000
const MAILS_IN_THAT_TIME = 20
const NAMES_IN_A_RECORD = 50

export function toolReportHandlers(deps: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  const { store, now } = deps
  return {
    async reportTools({ project_id, upstream_id, tools }, call) {
      const offered = tools.map(readDefinition).filter((each) => each !== undefined)
      const { rows, org_id } = await rowsOfProject(store, project_id)
      const pins = await rows.read(async (em) => {
        await requireUpstream(em, project_id, upstream_id)
        return pinsOf(em, upstream_id)
      })
      // What is usual changes nothing, and holds nothing.
      if (isNothing(pinChanges(pins, offered))) return { pins: hashesOf(pins) }
      return rows.change(async (em) => {
        const slug = await lockUpstream(em, project_id, upstream_id)
        const changes = pinChanges(await pinsOf(em, upstream_id), offered)
        const report = {
          orgId: org_id,
          projectId: project_id,
          upstreamId: upstream_id,
          slug,
          call,
          at: now(),
        }
        await apply(em, report, changes)
        if (changes.changed.length > 0) await tellAdministrators(em, deps, report, changes.changed)
        await em.flush()
        return { pins: hashesOf(await pinsOf(em, upstream_id)) }
      })
    },
  }
}

async function pinsOf(em: EntityManager, upstream_id: string): Promise<Pin[]> {
  return em.execute<Pin[]>('select name, approved_hash, offered_hash from tool_pins where upstream_id = ?', [
    upstream_id,
  ])
}

function hashesOf(pins: Pin[]): Record<string, string> {
  return Object.fromEntries(pins.map(({ name, approved_hash }) => [name, approved_hash]))
}

async function apply(em: EntityManager, report: Report, changes: PinChanges): Promise<void> {
  const { upstreamId: upstream_id, slug, at } = report
  const { first, changed, restored } = changes
  for (const definition of first) em.create(ToolPinRow, newPin(report, definition))
  for (const { name, canonical, hash } of changed) {
    const offer = { offered: canonical, offered_hash: hash, offered_at: at }
    await em.nativeUpdate(ToolPinRow, { upstream_id, name }, offer)
  }
  const none = { offered: null, offered_hash: null, offered_at: null }
  await em.nativeUpdate(ToolPinRow, { upstream_id, name: { $in: restored } }, none)
  if (first.length > 0) publishPins(em, upstream_id)
  const names = (of: Definition[]) => of.map(({ name }) => name)
  say(em, report, names(first), `Approved, as first seen, tools of the upstream ${slug}`)
  say(em, report, names(changed), `Quarantined changed tools of the upstream ${slug}`)
  say(
    em,
    report,
    restored,
    `Ended the quarantine of tools of the upstream ${slug}, which are as approved again`,
  )
}

function newPin(
  { orgId: org_id, projectId: project_id, upstreamId: upstream_id, at }: Report,
  { name, canonical, hash }: Definition,
) {
  const approved = { approved: canonical, approved_hash: hash, approved_by: null, approved_at: at }
  const offered = { offered: null, offered_hash: null, offered_at: null, mailed_at: null }
  return { upstream_id, name, project_id, org_id, ...approved, ...offered }
}

/** Leaves it in the record: no person's doing, but a gateway's word. */
function say(
  em: EntityManager,
  { orgId, projectId, upstreamId, call, at }: Report,
  tools: string[],
  what: string,
) {
  if (tools.length === 0) return
  recordOf(
    em,
    call,
    { org_id: orgId, role: 'mcp-gateway' },
    {
      method: 'reportTools',
      projectId,
      reason: `${what}: ${tools.length}.`,
      arguments: { upstream_id: upstreamId, tools: tools.slice(0, NAMES_IN_A_RECORD) },
    },
    at,
  )
}

/** One mail of a report: whoever opens it sees all that wait for a look. */
async function tellAdministrators(
  em: EntityManager,
  { webUrl }: Deps,
  { orgId, projectId, upstreamId: upstream_id, slug, at }: Report,
  changed: Definition[],
): Promise<void> {
  const since = new Date(at.getTime() - MAIL_AGAIN_AFTER_MS)
  const told = await em.find(ToolPinRow, { upstream_id, mailed_at: { $gt: since } }, { fields: ['name'] })
  const known = new Set(told.map(({ name }) => name))
  const names = changed.map(({ name }) => name).filter((name) => !known.has(name))
  if (names.length === 0 || told.length >= MAILS_IN_THAT_TIME) return
  await em.nativeUpdate(ToolPinRow, { upstream_id, name: { $in: names } }, { mailed_at: at })
  const project = await em.findOneOrFail(ProjectRow, { id: projectId })
  const more = names.length > 1 ? ` and ${names.length - 1} more` : ''
  await tellPeople(
    em,
    { orgId, right: 'administer' },
    {
      template: 'quarantined_tool',
      project: project.name,
      upstream: slug,
      tool: `${names[0] ?? ''}${more}`,
      url: `${webUrl}/app/projects/${projectId}/servers/upstreams/${upstream_id}`,
    },
  )
}
