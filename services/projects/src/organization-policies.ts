// The organisation's policy: deny and ask rules that stand above those of each of its projects.
import { LockMode } from '@mikro-orm/core'
import type { EntityManager } from '@mikro-orm/postgresql'
import { createHash } from 'node:crypto'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, Output } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'
import { personOf, requireRight } from './access.ts'
import type { CheckPolicy } from './check-policy.ts'
import { OrganizationPolicyRow, OrganizationRow, ProjectRow } from './entities.ts'
import { requireCurrent } from './etags.ts'
import { asVersion, checkedPolicy } from './policies.ts'
import { found, publishProject, recordChange, type Store } from './store.ts'

type Names = 'getOrganizationPolicy' | 'saveOrganizationPolicy'
type Deps = { store: Store; checkPolicy: CheckPolicy; now(): Date }

/** What an organisation has before it has saved a policy: version 0, which decides nothing. */
const NONE = 'version: 1\nrules: []\n'

export function organizationPolicyHandlers({
  store,
  checkPolicy,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async getOrganizationPolicy(_input, call) {
      const em = store.read()
      const orgId = personOf(call).orgId
      const row = await newestOrganizationPolicy(em, orgId)
      return row === null
        ? noPolicy(found(await em.findOne(OrganizationRow, { id: orgId }), 'organisation'))
        : asVersion(row)
    },

    async saveOrganizationPolicy({ policy_yaml, note = null, if_match }, call) {
      const person = personOf(call)
      requireRight(person, 'administer')
      const at = now()
      return store.change(async (em) => {
        // Held until the transaction ends: versions of one organisation follow each other.
        const lock = { lockMode: LockMode.PESSIMISTIC_WRITE }
        found(await em.findOne(OrganizationRow, { id: person.orgId }, lock), 'organisation')
        const current = (await newestOrganizationPolicy(em, person.orgId))?.version ?? 0
        requireCurrent(if_match, current)
        const { policy, diagnostics } = checkedPolicy(checkPolicy, policy_yaml, 'organization')
        const row = em.create(OrganizationPolicyRow, {
          org_id: person.orgId,
          version: current + 1,
          policy_yaml,
          policy,
          hash: createHash('sha256').update(policy_yaml).digest('hex'),
          note,
          author_id: person.userId,
          diagnostics,
          created_at: at,
        })
        for (const { id } of await em.find(ProjectRow, { org_id: person.orgId }, { fields: ['id'] }))
          publishProject(em, id)
        recordChange(
          em,
          person,
          {
            method: 'saveOrganizationPolicy',
            projectId: null,
            reason: `Saved version ${row.version} of the organisation’s policy.`,
            arguments: { version: row.version, note },
            policy: row,
          },
          at,
        )
        await em.flush()
        return asVersion(row)
      })
    },
  }
}

export function newestOrganizationPolicy(
  em: EntityManager,
  org_id: string,
): Promise<OrganizationPolicyRow | null> {
  return em.findOne(OrganizationPolicyRow, { org_id }, { orderBy: { version: 'desc' } })
}

function noPolicy({ created_at }: { created_at: Date }): Output<typeof projects.rpc.getOrganizationPolicy> {
  return {
    version: 0,
    policy_yaml: NONE,
    hash: createHash('sha256').update(NONE).digest('hex'),
    note: null,
    author_id: null,
    created_at: created_at.toISOString(),
    diagnostics: [],
  }
}
