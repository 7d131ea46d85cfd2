// Every endpoint of the contract, noun by noun.
import type { Call } from '@mcpshield/bus/rpc'
import type { Entitlements } from '@mcpshield/contracts/billing'
import type { Handlers } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'
import type { EgressBound } from '@mcpshield/oauth/egress-bound'
import { healthOf, type Checks } from '@mcpshield/runtime/health'
import { approvalRequestHandlers } from './approval-requests.ts'
import { approvalHandlers } from './approvals.ts'
import { assistantKnowledgeHandlers } from './assistant-knowledge.ts'
import type { CheckPolicy } from './check-policy.ts'
import { connectionHandlers } from './connections.ts'
import { invitationHandlers } from './invitations.ts'
import { keyHandlers } from './keys.ts'
import { memberHandlers } from './members.ts'
import { oauthHandlers } from './oauth.ts'
import { oauthTokenHandlers } from './oauth-tokens.ts'
import { organizationHandlers } from './organizations.ts'
import { organizationPolicyHandlers } from './organization-policies.ts'
import { policyHandlers } from './policies.ts'
import { projectHandlers } from './projects.ts'
import type { Secrets } from './secrets.ts'
import { runtimeHandlers } from './snapshots.ts'
import { simulationHandlers, type Simulate } from './simulate.ts'
import type { Store } from './store.ts'
import { toolPinHandlers } from './tool-pins.ts'
import { toolReportHandlers } from './tool-reports.ts'
import { trialHandlers, type Try } from './trials.ts'
import { turnsOfOrganizations } from './turns.ts'
import { upstreamHandlers } from './upstreams.ts'

export type ProjectsDeps = {
  store: Store
  secrets: Secrets
  checkPolicy: CheckPolicy
  /** What an organisation's plan includes; rejects when billing does not answer. */
  entitlements(orgId: string, requestId: string): Promise<Entitlements>
  /** Decides recorded calls by a draft, where they are stored. */
  simulate: Simulate
  /** Tries systems, where they would be used. */
  trial: Try
  /** Where clients reach the API, without a slash at its end. */
  apiUrl: string
  /** Where people reach the dashboard, without a slash at its end. */
  webUrl: string
  /** What the operator lets be connected to; anything where it is absent. */
  bound?: EgressBound | undefined
  now(): Date
  /** Each rejects when it does not answer. */
  checks: Checks
}

export function projectsService(deps: ProjectsDeps): Handlers<typeof projects.rpc, Call> {
  const turns = turnsOfOrganizations()
  return {
    ...organizationHandlers(deps),
    ...memberHandlers(deps),
    ...invitationHandlers(deps),
    ...projectHandlers(deps),
    ...policyHandlers({ ...deps, turns }),
    ...simulationHandlers({ ...deps, turns }),
    ...organizationPolicyHandlers({ ...deps, turns }),
    ...keyHandlers(deps),
    ...upstreamHandlers(deps),
    ...oauthHandlers(deps),
    ...oauthTokenHandlers(deps),
    ...connectionHandlers(deps),
    ...trialHandlers(deps),
    ...toolPinHandlers(deps),
    ...toolReportHandlers(deps),
    ...approvalHandlers(deps),
    ...approvalRequestHandlers(deps),
    ...runtimeHandlers(deps),
    ...assistantKnowledgeHandlers(deps),

    checkHealth: () => healthOf(deps.checks),
  }
}
