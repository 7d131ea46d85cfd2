// Policies: parsed before they are saved, kept as versions that never change; the newest is in force.
import { createHash } from 'node:crypto'
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, Output } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import type { Diagnostic } from '@mcpshield/policy/parse'
import type { Systems } from '@mcpshield/pdp/draw-options'
import type { CheckPolicy } from './check-policy.ts'
import { OrganizationPolicyRow, PolicyVersionRow, type ProjectRow } from './entities.ts'
import { requireCurrent } from './etags.ts'
import { readPage } from './pages.ts'
import { diffTexts } from './policy-diff.ts'
import { systemsOf } from './snapshots.ts'
import { found, lockProject, projectOf, publishProject, record, type Store } from './store.ts'
import type { Turns } from './turns.ts'

export type CheckedPolicy = { text: string; policy: unknown; diagnostics: Diagnostic[] }

type Names =
  | 'getPolicy'
  | 'savePolicy'
  | 'validatePolicy'
  | 'listPolicyVersions'
  | 'getPolicyVersion'
  | 'diffPolicyVersions'
  | 'rollbackPolicy'
type Deps = { store: Store; checkPolicy: CheckPolicy; turns: Turns; now(): Date }

export function policyHandlers({
  store,
  checkPolicy,
  turns,
  now,
}: Deps): Pick<Handlers<typeof projects.rpc, Call>, Names> {
  const save = async (
    call: Call,
    method: 'savePolicy' | 'rollbackPolicy',
    projectId: string,
    choose: (em: EntityManager, project: ProjectRow) => Promise<{ text: string; note: string | null }>,
  ) => {
    const { org_id, user_id } = signedIn(call.caller)
    const at = now()
    const saved = async (em: EntityManager) => {
      const project = await lockProject(em, org_id, projectId)
      const { text, note } = await choose(em, project)
      const checked = checkedPolicy(checkPolicy, text, await systemsOf(em, projectId))
      const version = addVersion(em, project, checked, { note, authorId: user_id, at })
      project.updated_at = at
      record(
        em,
        call,
        {
          method,
          projectId,
          reason: `Saved version ${version.version} of the policy.`,
          arguments: { version: version.version, note },
          policy: version,
        },
        at,
      )
      await em.flush()
      return asVersion(version)
    }
    // No transaction is begun, and no project held, while it is not yet its turn.
    return turns.take(org_id, () => store.of(org_id).change(saved))
  }

  const ofProject = <T>(call: Call, id: string, work: (em: EntityManager, id: string) => Promise<T>) => {
    const { org_id } = signedIn(call.caller)
    return store.of(org_id).read(async (em) => {
      await projectOf(em, org_id, id)
      return work(em, id)
    })
  }

  return {
    async getPolicy({ project_id }, call) {
      const orgId = organisationFor(call, project_id)
      return store.of(orgId).read(async (em) => {
        const project = await projectOf(em, orgId, project_id)
        const version = asVersion(await versionOf(em, project_id, project.policy_version))
        if (call.caller.kind !== 'key') return version
        const [above] = await em.find(
          OrganizationPolicyRow,
          { org_id: orgId },
          { orderBy: { version: 'desc' }, limit: 1 },
        )
        return { ...version, organization_policy_yaml: above?.policy_yaml ?? null }
      })
    },

    async savePolicy({ project_id, policy_yaml, note = null, if_match }, call) {
      return save(call, 'savePolicy', project_id, async (_em, project) => {
        requireCurrent(if_match, project.policy_version)
        return { text: policy_yaml, note }
      })
    },

    async validatePolicy({ project_id, policy_yaml }, call) {
      const systems = await ofProject(call, project_id, systemsOf)
      const { org_id } = signedIn(call.caller)
      const { policy, diagnostics } = await turns.take(org_id, async () => checkPolicy(policy_yaml, systems))
      return { valid: policy !== undefined && !diagnostics.some(isError), diagnostics }
    },

    async listPolicyVersions({ project_id, ...page }, call) {
      return ofProject(call, project_id, (em) =>
        readPage(em, PolicyVersionRow, { project_id }, 'version', page, asListed, [
          'policy_yaml',
          'policy',
          'diagnostics',
        ]),
      )
    },

    async getPolicyVersion({ project_id, version }, call) {
      return ofProject(call, project_id, async (em) => asVersion(await versionOf(em, project_id, version)))
    },

    async diffPolicyVersions({ project_id, version, against = version - 1 }, call) {
      const text = async (em: EntityManager, each: number) =>
        each === 0 ? '' : (await versionOf(em, project_id, each)).policy_yaml
      const [before, after] = await ofProject(
        call,
        project_id,
        async (em) => [await text(em, against), await text(em, version)] as const,
      )
      const named = (each: number, content: string) => ({
        name: each === 0 ? '/dev/null' : `version ${each}`,
        text: content,
      })
      const diff = diffTexts(named(against, before), named(version, after))
      return { version, against: against === 0 ? null : against, ...diff }
    },

    async rollbackPolicy({ project_id, version, if_match }, call) {
      return save(call, 'rollbackPolicy', project_id, async (em, project) => {
        if (if_match !== undefined) requireCurrent(if_match, project.policy_version)
        const { policy_yaml } = await versionOf(em, project_id, version)
        return { text: policy_yaml, note: `Version ${version} again` }
      })
    },
  }
}

/** A project's policy may be read by the organisation's people and by the project's own keys. */
function organisationFor(call: Call, projectId: string): string {
  const { caller } = call
  if (caller.kind !== 'key') return signedIn(caller).org_id
  if (caller.project_id !== projectId) throw new AppError('NOT_FOUND', 'There is no such project.')
  return caller.org_id
}

/** Throws POLICY_INVALID with the diagnostics unless the policy has no error and its tests pass. */
export function checkedPolicy(check: CheckPolicy, text: string, of: Systems | 'organization'): CheckedPolicy {
  const { policy, diagnostics } = check(text, of)
  if (policy === undefined || diagnostics.some(isError)) {
    throw new AppError('POLICY_INVALID', 'The policy has errors; nothing was saved.', { diagnostics })
  }
  return { text, policy, diagnostics }
}

const isError = ({ severity }: Diagnostic) => severity === 'error'

/** Writes the next version and puts it in force. */
export function addVersion(
  em: EntityManager,
  project: ProjectRow,
  { text, policy, diagnostics }: CheckedPolicy,
  by: { note: string | null; authorId: string; at: Date },
): PolicyVersionRow {
  project.policy_version += 1
  publishProject(em, project.id)
  return em.create(PolicyVersionRow, {
    project_id: project.id,
    org_id: project.org_id,
    version: project.policy_version,
    policy_yaml: text,
    policy,
    hash: createHash('sha256').update(text).digest('hex'),
    note: by.note,
    author_id: by.authorId,
    diagnostics,
    created_at: by.at,
  })
}

async function versionOf(em: EntityManager, project_id: string, version: number): Promise<PolicyVersionRow> {
  return found(await em.findOne(PolicyVersionRow, { project_id, version }), 'version')
}

function asListed(row: PolicyVersionRow): Output<typeof projects.rpc.listPolicyVersions>['items'][number] {
  const { policy_yaml: _text, diagnostics: _all, ...shown } = asVersion(row)
  return shown
}

/** As the API shows a version of either kind. */
export function asVersion(
  row: PolicyVersionRow | OrganizationPolicyRow,
): Output<typeof projects.rpc.getPolicy> {
  const { version, policy_yaml, hash, note, author_id, created_at, diagnostics } = row
  return {
    version,
    policy_yaml,
    hash,
    note: note ?? null,
    author_id: author_id ?? null,
    created_at: created_at.toISOString(),
    diagnostics,
  }
}
