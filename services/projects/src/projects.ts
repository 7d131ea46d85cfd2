// Projects: one integration each, with a policy from its first moment on.
import { randomUUIDv7 } from 'node:crypto'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers } from '@mcpshield/contracts/define'
import type { Project, projects } from '@mcpshield/contracts/projects'
import { personOf, requireRight } from './access.ts'
import type { CheckPolicy } from './check-policy.ts'
import { defaultPolicy } from './default-policy.ts'
import { ApiKeyRow, ProjectRow } from './entities.ts'
import { readPage } from './pages.ts'
import { addVersion, checkedPolicy } from './policies.ts'
import { lockProject, projectOf, publishKey, publishProject, recordChange, type Store } from './store.ts'

type Names = 'listProjects' | 'createProject' | 'getProject' | 'updateProject' | 'deleteProject'
type Deps = { store: Store; checkPolicy: CheckPolicy; now(): Date }

export function projectHandlers({
  store,
  checkPolicy,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async listProjects(page, call) {
      const { orgId } = personOf(call)
      return readPage(store.read(), ProjectRow, { org_id: orgId }, 'id', page, asProject)
    },

    async createProject(input, call) {
      const person = personOf(call)
      requireRight(person, 'change')
      const policy = checkedPolicy(checkPolicy, defaultPolicy(input.infrastructure), {
        connections: [],
        upstreams: [],
      })
      const at = now()
      const project = await store.change(async (em) => {
        const row = em.create(ProjectRow, {
          ...input,
          id: randomUUIDv7(),
          org_id: person.orgId,
          mode: 'enforce',
          killed: false,
          policy_version: 0,
          runtime_version: 1,
          created_at: at,
          updated_at: at,
        })
        await em.flush()
        addVersion(em, row, policy, { note: 'The default policy', authorId: person.userId, at })
        recordChange(
          em,
          person,
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
      return asProject(await projectOf(store.read(), personOf(call).orgId, project_id))
    },

    async updateProject({ project_id, ...given }, call) {
      const person = personOf(call)
      const at = now()
      const project = await store.change(async (em) => {
        const row = await lockProject(em, person.orgId, project_id)
        requireRight(person, 'change')
        const changes = Object.fromEntries(
          Object.entries(given).filter(([, value]) => value !== undefined),
        ) as Partial<Pick<Project, 'name' | 'environment' | 'infrastructure' | 'mode' | 'killed'>>
        em.assign(row, { ...changes, updated_at: at })
        publishProject(em, row.id)
        recordChange(
          em,
          person,
          {
            method: 'updateProject',
            projectId: row.id,
            reason: `Changed ${Object.keys(changes).join(', ') || 'nothing'} of the project ${row.name}.`,
            arguments: changes,
          },
          at,
        )
        await em.flush()
        return row
      })
      return asProject(project)
    },

    async deleteProject({ project_id }, call) {
      const person = personOf(call)
      await store.change(async (em) => {
        const row = await lockProject(em, person.orgId, project_id)
        requireRight(person, 'administer')
        const keys = await em.find(ApiKeyRow, { project_id })
        await em.nativeDelete(ProjectRow, { id: row.id })
        for (const { digest } of keys) publishKey(em, digest)
        publishProject(em, row.id)
        recordChange(
          em,
          person,
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
  }
}

function asProject({ runtime_version: _, created_at, updated_at, ...row }: ProjectRow): Project {
  return { ...row, created_at: created_at.toISOString(), updated_at: updated_at.toISOString() }
}
