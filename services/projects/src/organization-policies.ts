// The organisation's policy: deny and ask rules that stand above those of each of its projects.
import type { EntityManager } from '@mikro-orm/postgresql'
import { createHash } from 'node:crypto'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, Output } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import type { CheckPolicy } from './check-policy.ts'
import { OrganizationPolicyRow, OrganizationRow, ProjectRow } from './entities.ts'
import { requireCurrent } from './etags.ts'
import { asVersion, checkedPolicy } from './policies.ts'
import { found, lockOrganization, publishProject, record, type Store } from './store.ts'
import type { Turns } from './turns.ts'

type Names = 'getOrganizationPolicy' | 'saveOrganizationPolicy'
type Deps = { store: Store; checkPolicy: CheckPolicy; turns: Turns; now(): Date }

/** What an organisation has before it has saved a policy: version 0, which decides nothing. */
const NONE = 'version: 1\nrules: []\n'

export function organizationPolicyHandlers({
  store,
  checkPolicy,
  turns,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  return {
    async getOrganizationPolicy(_input, call) {
      const { org_id } = signedIn(call.caller)
      return store.of(org_id).read(async (em) => {
        const row = await newestOrganizationPolicy(em, org_id)
        return row === null
          ? noPolicy(found(await em.findOne(OrganizationRow, { id: org_id }), 'organisation'))
          : asVersion(row)
      })
    },

    async saveOrganizationPolicy({ policy_yaml, note = null, if_match }, call) {
      const { org_id, user_id } = signedIn(call.caller)
      const at = now()
      const saved = async (em: EntityManager) => {
        await lockOrganization(em, org_id)
        const current = (await newestOrganizationPolicy(em, org_id))?.version ?? 0
        requireCurrent(if_match, current)
        const { policy, diagnostics } = checkedPolicy(checkPolicy, policy_yaml, 'organization')
        const row = em.create(OrganizationPolicyRow, {
          org_id,
          version: current + 1,
          policy_yaml,
          policy,
          hash: createHash('sha256').update(policy_yaml).digest('hex'),
          note,
          author_id: user_id,
          diagnostics,
          created_at: at,
        })
        for (const { id } of await em.find(ProjectRow, { org_id }, { fields: ['id'] })) publishProject(em, id)
        record(
          em,
          call,
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
      }
      return turns.take(org_id, () => store.of(org_id).change(saved))
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
