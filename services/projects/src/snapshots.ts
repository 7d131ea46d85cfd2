// What decision points and gateways are told of a project. A snapshot is always made from the database as it
// is now: told late or twice, it is still right.
import { createHash } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, Input } from '@mcpshield/contracts/define'
import {
  connectionForFacts,
  type ApprovalSnapshot,
  type KeySnapshot,
  type PolicySnapshot,
  type projects,
} from '@mcpshield/contracts/projects'
import type { Systems } from '@mcpshield/pdp/draw-options'
import { ApprovalRow } from './approval-entity.ts'
import { snapshotAt } from './approval-states.ts'
import { openUrl } from './connections.ts'
import {
  ApiKeyRow,
  ConnectionRow,
  OrganizationRow,
  PolicyVersionRow,
  ProjectRow,
  UpstreamRow,
} from './entities.ts'
import type { Secrets } from './secrets.ts'
import { newestOrganizationPolicy } from './organization-policies.ts'
import { found, type Store } from './store.ts'
import { openReach } from './upstreams.ts'

/** The project's snapshot, or undefined when there is no such project. */
export async function policySnapshot(em: EntityManager, id: string): Promise<PolicySnapshot | undefined> {
  const project = await em.findOne(ProjectRow, { id })
  if (project === null) return undefined
  const version = { project_id: id, version: project.policy_version }
  const { policy, hash } = await em.findOneOrFail(PolicyVersionRow, version)
  const above = await newestOrganizationPolicy(em, project.org_id)
  const { org_id, environment, mode, killed, policy_version, runtime_version } = project
  const organization = await em.findOneOrFail(OrganizationRow, { id: org_id })
  return {
    project_id: id,
    org_id,
    environment,
    mode,
    killed,
    organization_killed: organization.killed,
    approve_in_client: project.approve_in_client,
    token_issuer: project.token_issuer ?? null,
    policy_version,
    // What decides is named by one hash, whichever document changed.
    policy_hash: above === null ? hash : createHash('sha256').update(`${above.hash}\n${hash}`).digest('hex'),
    policy,
    organization_policy: above?.policy ?? null,
    runtime_version,
    ...(await systemsOf(em, id)),
  }
}

/** What facts need to know of a project's connections and upstreams. */
export async function systemsOf(em: EntityManager, project_id: string): Promise<Systems> {
  const connections = await em.find(ConnectionRow, { project_id }, { orderBy: { id: 'asc' } })
  const upstreams = await em.find(UpstreamRow, { project_id }, { orderBy: { id: 'asc' } })
  return {
    connections: connections.map(({ path, ...rest }) => connectionForFacts({ ...rest, path: path ?? null })),
    upstreams: upstreams.map(({ slug, server, root }) => ({
      slug,
      server: server ?? null,
      root: root ?? null,
    })),
  }
}

/** The key's snapshot, or undefined when there is no such key or it was revoked. */
export async function keySnapshot(em: EntityManager, digest: string): Promise<KeySnapshot | undefined> {
  const key = await em.findOne(ApiKeyRow, { digest })
  if (key === null || key.revoked_at) return undefined
  return {
    key_id: key.id,
    project_id: key.project_id,
    org_id: key.org_id,
    name: key.name,
    labels: key.labels,
    upstreams: key.upstreams ?? null,
    killed: key.killed,
    expires_at: key.expires_at?.toISOString() ?? null,
  }
}

/** The held call's snapshot, or undefined when there is none, or nothing can come of it any more. */
export async function approvalSnapshot(
  em: EntityManager,
  id: string,
  at: Date,
): Promise<ApprovalSnapshot | undefined> {
  const row = await em.findOne(ApprovalRow, { id })
  return row === null ? undefined : snapshotAt(row, at)
}

/** What only the enforcing gateway may ask for: how a project's systems are reached, secrets included. */
export function runtimeHandlers({
  store,
  secrets,
}: {
  store: Store
  secrets: Secrets
}): Pick<Handlers<typeof projects.rpc, Call>, 'getRuntime'> {
  return {
    async getRuntime({ project_id }: Input<typeof projects.rpc.getRuntime>) {
      return store.everywhere.read(async (em) => {
        // The version first: what is read after it is at least as new.
        const project = found(await em.findOne(ProjectRow, { id: project_id }), 'project')
        const upstreams = await em.find(UpstreamRow, { project_id }, { orderBy: { id: 'asc' } })
        const connections = await em.find(ConnectionRow, { project_id }, { orderBy: { id: 'asc' } })
        return {
          runtime_version: project.runtime_version,
          upstreams: await Promise.all(
            upstreams.map(async (row) => ({
              id: row.id,
              slug: row.slug,
              oauth: typeof row.oauth_grant === 'string',
              ...(await openReach(em, secrets, project.org_id, row)),
            })),
          ),
          connections: await Promise.all(
            connections.map(async (row) => ({
              name: row.name,
              kind: row.kind,
              url: await openUrl(em, secrets, project.org_id, row),
              path: row.path ?? null,
              options: row.options as Record<string, never>,
            })),
          ),
        }
      })
    },
  }
}
