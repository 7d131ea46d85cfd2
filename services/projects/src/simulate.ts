// simulatePolicy: the draft is checked as it would be to be saved; then `ingest`, which has the calls, is told what it
// needs to know of the project to decide them: its environment, its keys, and how facts were drawn until now.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { Call } from '@mcpshield/bus/rpc'
import type { Handlers, Input } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { ingest, Simulation } from '@mcpshield/contracts/ingest'
import type { projects } from '@mcpshield/contracts/projects'
import { signedIn } from '@mcpshield/contracts/rights'
import type { CheckPolicy } from './check-policy.ts'
import { ApiKeyRow } from './entities.ts'
import { newestOrganizationPolicy } from './organization-policies.ts'
import { factsSections } from './simulate-facts-sections.ts'
import { systemsOf } from './snapshots.ts'
import { projectOf, type Store } from './store.ts'
import type { Turns } from './turns.ts'

export type Draft = Input<typeof ingest.rpc.simulatePolicy>
export type Simulate = (draft: Draft, requestId: string) => Promise<Simulation>

type Deps = { store: Store; checkPolicy: CheckPolicy; turns: Turns; simulate: Simulate; now(): Date }

const DAY_MS = 86_400_000
/** All that travels has to fit into a message of the bus (8 MB), whatever keys are called. */
const MAX_KEYS_BYTES = 2 * 1024 * 1024
const MAX_KEYS = 10_000

export function simulationHandlers(deps: Deps): Pick<Handlers<typeof projects.rpc, Call>, 'simulatePolicy'> {
  const { store, checkPolicy, turns, simulate, now } = deps
  return {
    async simulatePolicy({ project_id, policy_yaml, days }, call) {
      const { org_id } = signedIn(call.caller)
      const from = new Date(now().getTime() - days * DAY_MS)
      const { systems, ...known } = await store.of(org_id).read(async (em) => {
        const { environment } = await projectOf(em, org_id, project_id)
        return {
          environment,
          systems: await systemsOf(em, project_id),
          organization_policy: (await newestOrganizationPolicy(em, org_id))?.policy ?? null,
          keys: await keysOf(em, project_id),
          facts_sections: await factsSections(em, project_id, from),
        }
      })
      const { policy, diagnostics } = await turns.take(org_id, async () => checkPolicy(policy_yaml, systems))
      if (policy === undefined || diagnostics.some(({ severity }) => severity === 'error')) {
        throw new AppError('POLICY_INVALID', 'The policy has errors; nothing was simulated.', { diagnostics })
      }
      return simulate({ org_id, project_id, days, policy, ...known }, call.requestId)
    },
  }
}

/** The project's keys, revoked ones too, as they are called now; of very many those used last. */
async function keysOf(em: EntityManager, project_id: string): Promise<Draft['keys']> {
  const rows = await em.find(
    ApiKeyRow,
    { project_id },
    {
      fields: ['id', 'name', 'labels'],
      orderBy: { last_used_at: 'desc nulls last', id: 'desc' },
      limit: MAX_KEYS,
    },
  )
  const keys = rows.map(({ id, name, labels }) => ({ id, name, labels }))
  let bytes = 0
  const end = keys.findIndex((key) => (bytes += Buffer.byteLength(JSON.stringify(key))) > MAX_KEYS_BYTES)
  return end === -1 ? keys : keys.slice(0, end)
}
