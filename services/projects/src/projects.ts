// Projects: one integration each, with a policy from its first moment on.
import { randomUUIDv7 } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import type { Entitlements } from '@mcpshield/contracts/billing'
import { AppError } from '@mcpshield/contracts/errors'
import { PLANS } from '@mcpshield/contracts/plans'
import type { Project, projects } from '@mcpshield/contracts/projects'
import { requireRight, signedIn } from '@mcpshield/contracts/rights'
import type { CheckPolicy } from './check-policy.ts'
import { defaultPolicy } from './default-policy.ts'
import { ApiKeyRow, ProjectRow } from './entities.ts'
import { readPage } from './pages.ts'
import { addVersion, checkedPolicy } from './policies.ts'
import {
  lockOrganization,
  lockProject,
  projectOf,
  publishBelongings,
  publishKey,
  publishProject,
  record,
  tellProjectDeleted,
  type Store,
} from './store.ts'
import { checkedIssuer } from './token-issuers.ts'

type Names =
  'listProjects' | 'createProject' | 'getProject' | 'updateProject' | 'deleteProject' | 'countProjects'
type Deps = {
  store: Store
  checkPolicy: CheckPolicy
  /** What the organisation's plan includes; rejects when billing does not answer. */
  entitlements(orgId: string, requestId: string): Promise<Entitlements>
  now(): Date
}

export function projectHandlers({
  store,
  checkPolicy,
  entitlements,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async listProjects(page, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read((em) => readPage(em, ProjectRow, { org_id }, 'id', page, asProject))
    },

    async createProject(input, call) {
      const { org_id, user_id } = signedIn(call.caller)
      const policy = checkedPolicy(checkPolicy, defaultPolicy(input.infrastructure), {
        connections: [],
        upstreams: [],
      })
      const entitled = await entitlements(org_id, call.requestId).catch(unknownPlan)
      const at = now()
      const project = await store.of(org_id).change(async (em) => {
        await lockOrganization(em, org_id)
        requireRoom(entitled, await em.count(ProjectRow, { org_id }))
        const row = newProject(em, { ...input, org_id }, at)
        await em.flush()
        addVersion(em, row, policy, { note: 'The default policy', authorId: user_id, at })
        record(
          em,
          call,
          {
            method: 'createProject',
            projectId: row.id,
            reason: `Created the project ${row.name}.`,
            arguments: input,
          },
          at,
        )
        await em.flush()
        return row
      })
      return asProject(project)
    },

    async getProject({ project_id }, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => asProject(await projectOf(em, org_id, project_id)))
    },

    async updateProject({ project_id, ...given }, call) {
      const { org_id } = signedIn(call.caller)
      // Whoever chooses the issuer makes credentials, as who makes keys does.
      if (given.token_issuer !== undefined) requireRight(call.caller, 'administer')
      const at = now()
      const project = await store.of(org_id).change(async (em) => {
        const row = await lockProject(em, org_id, project_id)
        const changes = checkedChanges(row, given)
        em.assign(row, { ...changes, updated_at: at })
        publishProject(em, row.id)
        record(
          em,
          call,
          {
            method: 'updateProject',
            projectId: row.id,
            reason: `Changed ${Object.keys(changes).join(', ') || 'nothing'} of the project ${row.name}.`,
            arguments: changes as Record<string, never>,
          },
          at,
        )
        await em.flush()
        return row
      })
      return asProject(project)
    },

    async deleteProject({ project_id }, call) {
      const { org_id } = signedIn(call.caller)
      await store.of(org_id).change(async (em) => {
        const row = await lockProject(em, org_id, project_id)
        const keys = await em.find(ApiKeyRow, { project_id })
        await publishBelongings(em, { project_id })
        await em.nativeDelete(ProjectRow, { id: row.id })
        for (const { digest } of keys) publishKey(em, digest)
        publishProject(em, row.id)
        tellProjectDeleted(em, { org_id, project_id })
        record(
          em,
          call,
          {
            method: 'deleteProject',
            projectId: row.id,
            reason: `Deleted the project ${row.name} and its ${keys.length} API keys.`,
            arguments: { name: row.name },
          },
          now(),
        )
        await em.flush()
      })
      return {}
    },

    async countProjects({ org_id }) {
      return { count: await store.of(org_id).read((em) => em.count(ProjectRow, { org_id })) }
    },
  }
}

type Changes = Partial<
  Pick<
    Project,
    'name' | 'environment' | 'infrastructure' | 'mode' | 'killed' | 'approve_in_client' | 'token_issuer'
  >
>

/** What is to change. A project that becomes one of production asks people who are signed in, unless told otherwise. */
function checkedChanges(row: ProjectRow, given: { [K in keyof Changes]: Changes[K] | undefined }): Changes {
  const changes = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Changes
  if (changes.token_issuer !== undefined) changes.token_issuer = checkedIssuer(changes.token_issuer)
  const becomesProd = changes.environment === 'prod' && row.environment !== 'prod'
  return becomesProd ? { approve_in_client: false, ...changes } : changes
}

function newProject(
  em: EntityManager,
  given: Pick<ProjectRow, 'org_id' | 'name' | 'environment' | 'infrastructure'>,
  at: Date,
): ProjectRow {
  return em.create(ProjectRow, {
    ...given,
    id: randomUUIDv7(),
    mode: 'enforce',
    killed: false,
    approve_in_client: given.environment !== 'prod',
    token_issuer: null,
    approvals_mailed_at: null,
    policy_version: 0,
    runtime_version: 1,
    created_at: at,
    updated_at: at,
  })
}

function unknownPlan(cause: unknown): never {
  throw new AppError(
    'UNAVAILABLE',
    'What the plan includes could not be found out, and nothing was made. Try again in a moment.',
    { cause },
  )
}

/** Throws QUOTA_EXCEEDED when the plan has no room for one more. */
function requireRoom({ plan, limits: { max_projects: max } }: Entitlements, count: number): void {
  if (max === null || count < max) return
  throw new AppError(
    'QUOTA_EXCEEDED',
    `The plan ${PLANS[plan].name} includes ${max} ${max === 1 ? 'project' : 'projects'}, and there ${
      count === 1 ? 'is 1' : `are ${count}`
    } already. Change to a larger plan, or delete a project.`,
    { type: 'plan_limit_projects' },
  )
}

function asProject(row: ProjectRow): Project {
  const { runtime_version: _version, approvals_mailed_at: _time, created_at, updated_at, ...shown } = row
  return {
    ...shown,
    token_issuer: row.token_issuer ?? null,
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  }
}
