// Decides made-up calls as a decision point does, by a policy that it has in force: what simulations are compared with.
import { createHash } from 'node:crypto'
import type { AuditPublisher } from '@mcpshield/bus/audit'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { PolicySnapshot } from '@mcpshield/contracts/projects'
import { decisionPoint, type PdpDeps } from '@mcpshield/pdp/decide-call'
import { factsCache } from '@mcpshield/pdp/facts-cache'
import { hmacSha256 } from '@mcpshield/pdp/record'
import { compile } from '@mcpshield/policy/compile'
import { parsePolicy } from '@mcpshield/policy/parse'
import type { Policy } from '@mcpshield/policy/schema'
import { ORG, PROJECT } from './events.ts'
import { KEYS, SYSTEMS, type MadeCall } from './simulate-calls.ts'

export const VERSION = 3

export function policyOf(yaml: string, organization = false): Policy {
  const { policy, diagnostics } = parsePolicy(yaml, { organization })
  if (policy === undefined) throw new Error(`${JSON.stringify(diagnostics)} ${yaml}`)
  return policy
}

export type InForce = {
  policy: Policy
  above?: Policy | null
  /** None when the project has no snapshot. */
  snapshot?: Partial<PolicySnapshot> | 'none'
  current?: boolean
  take?: PdpDeps['limits']['take']
  /** Of the credential. */
  upstreams?: string[] | null
  /** Of the credential. */
  killed?: boolean
  expires_at?: string | null
  /** Why the tool is in quarantine. */
  quarantined?: string
  org_id?: string
}

export type Decider = {
  /** The call's record; settles when it is stored. */
  decide(call: MadeCall): Promise<void>
}

export function decider(inForce: InForce, audit: AuditPublisher): Decider {
  const { policy, above = null, snapshot = {}, current = true, upstreams = null, org_id = ORG } = inForce
  const { killed = false, expires_at = null, quarantined } = inForce
  const time = { now: new Date(0) }
  const project = snapshot === 'none' ? undefined : projectOf(policy, above, { org_id, ...snapshot })
  const none = () => undefined
  const closed = { [Symbol.asyncDispose]: () => Promise.resolve() }
  const point = decisionPoint({
    snapshots: {
      current: () => current,
      staleMs: () => 0,
      projectCount: () => 1,
      project: () => project,
      credential: none,
      credentialByDigest: none,
      onChange: none,
      ...closed,
    },
    limits: {
      take: inForce.take ?? (() => Promise.resolve({ taken: true })),
      ping: () => Promise.resolve(0),
      ...closed,
    },
    audit,
    factsCache: factsCache(),
    keyedHash: hmacSha256(createHash('sha256').update('test').digest('hex')),
    now: () => time.now,
  })
  return {
    async decide({ key, ...call }) {
      const { id: key_id, name, labels } = KEYS[key]!
      time.now = call.time
      const credential = {
        key_id,
        project_id: PROJECT,
        org_id,
        name,
        labels,
        upstreams,
        expires_at,
        killed,
        subject: key_id,
      }
      const verdict = await point.decideCall({ credential, ...call, quarantined, requestId: null })
      await verdict.recorded
    },
  }
}

function projectOf(policy: Policy, above: Policy | null, change: Partial<PolicySnapshot>) {
  return {
    policy,
    compiled: compile(policy, above === null ? {} : { above }),
    cacheId: 0,
    snapshot: {
      project_id: PROJECT,
      org_id: ORG,
      environment: 'prod' as const,
      mode: 'enforce' as const,
      killed: false,
      policy_version: VERSION,
      policy_hash: '',
      policy,
      organization_policy: above,
      runtime_version: 1,
      ...SYSTEMS,
      ...change,
    },
  }
}

/** The records of all these calls, in their order. */
export async function recordsOf(calls: readonly MadeCall[], inForce: InForce): Promise<AuditEvent[]> {
  const events: AuditEvent[] = []
  const record = (event: AuditEvent) => Promise.resolve(void events.push(event))
  const { decide } = decider(inForce, { record })
  for (const call of calls) await decide(call)
  return events
}
