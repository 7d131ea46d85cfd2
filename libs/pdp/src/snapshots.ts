// What a decision point holds in memory: policies and keys, watched, so that a change is in force
// everywhere within a second. Without a snapshot, or with a broken watch, calls are denied.
import { hash } from 'node:crypto'
import type { Bus } from '@mcpshield/bus/connect'
import type { Log } from '@mcpshield/bus/log'
import { projects, type KeySnapshot, type PolicySnapshot } from '@mcpshield/contracts/projects'
import type { FlowRow } from '@mcpshield/contracts/flow'
import { prepareMysql } from '@mcpshield/facts/sql/mysql'
import { compile, type CompiledPolicy } from '@mcpshield/policy/compile'
import { checkPolicy } from '@mcpshield/policy/parse'
import type { Policy } from '@mcpshield/policy/schema'

/** A project's policy, compiled once when its snapshot arrives. */
export type ProjectPolicy = {
  snapshot: PolicySnapshot
  policy: Policy
  compiled: CompiledPolicy
  /** Differs for every snapshot: prefix of cached facts, which so die with it. */
  cacheId: number
}

/** Who asks: an API key, or the person of a verified token. */
export type Credential = Omit<KeySnapshot, 'key_id'> & {
  /** Null for a token. */
  key_id: string | null
  /** Tells askers apart, for sessions, approvals and limits: the key's id, or a hash of the token's issuer and subject. */
  subject: string
  /** Of a verified token: the terms by which its issuer was trusted, see `issuerTerms`. */
  issuer_terms?: string
  user?: string
  groups?: string[]
}

export type KeyCredential = Credential & { key_id: string; digest: string }

export type Snapshots = AsyncDisposable & {
  /** False while a watch is broken: nothing may be allowed on what may be old. */
  current(): boolean
  /** For how long what is held may have been old; 0 while it is current. */
  staleMs(): number
  /** How many projects have a policy. */
  projectCount(): number
  project(projectId: string): ProjectPolicy | undefined
  /** The key's snapshot, unless it is unknown, revoked or expired. */
  credential(apiKey: string, now: Date): KeyCredential | undefined
  credentialByDigest(digest: string, now: Date): KeyCredential | undefined
  /** Calls back whenever a project's snapshot changed or went. */
  onChange(listener: (projectId: string) => void): void
}

/** What is watched by whoever decides (flow.ts). */
type DecisionPoint = FlowRow & {
  watches: readonly [typeof projects.kv.policies, typeof projects.kv.keys, ...FlowRow['watches']]
}

export async function watchSnapshots(bus: Pick<Bus<DecisionPoint>, 'watch'>, log: Log): Promise<Snapshots> {
  const policies = new Map<string, ProjectPolicy>()
  const keys = new Map<string, KeyCredential>()
  const listeners: ((projectId: string) => void)[] = []
  const changed = (projectId: string) => {
    for (const listener of listeners) listener(projectId)
  }
  let nextCacheId = 0

  const policyWatch = await bus.watch(projects.kv.policies, {
    remove(projectId) {
      policies.delete(projectId)
      changed(projectId)
    },
    put(projectId, snapshot) {
      const read = readPolicies(snapshot)
      if (read === undefined) {
        // Saved policies were checked; one that no longer passes is not guessed at.
        log.error(
          { projectId, version: snapshot.policy_version },
          'policy snapshot not valid: calls are denied',
        )
        policies.delete(projectId)
      } else {
        policies.set(projectId, { snapshot, ...read, cacheId: nextCacheId++ })
        // Not while a call waits: loading them takes half a second, once.
        if (speaksMysql(snapshot, read.policy)) prepareMysql()
      }
      changed(projectId)
    },
  })
  const keyWatch = await bus.watch(projects.kv.keys, {
    remove: (digest) => void keys.delete(digest),
    put: (digest, key) => void keys.set(digest, { ...key, digest, subject: key.key_id }),
  })

  const credentialByDigest = (digest: string, now: Date): KeyCredential | undefined => {
    const key = keys.get(digest)
    if (key === undefined) return undefined
    return key.expires_at !== null && Date.parse(key.expires_at) <= now.getTime() ? undefined : key
  }
  return {
    current: () => policyWatch.current() && keyWatch.current(),
    staleMs: () => Math.max(policyWatch.staleMs(), keyWatch.staleMs()),
    projectCount: () => policies.size,
    project: (projectId) => policies.get(projectId),
    credential: (apiKey, now) => credentialByDigest(keyDigest(apiKey), now),
    credentialByDigest,
    onChange: (listener) => void listeners.push(listener),
    async [Symbol.asyncDispose]() {
      await policyWatch[Symbol.asyncDispose]()
      await keyWatch[Symbol.asyncDispose]()
    },
  }
}

/** The project's policy with the organisation's above it; undefined when either cannot be understood. */
function readPolicies(snapshot: PolicySnapshot): Pick<ProjectPolicy, 'policy' | 'compiled'> | undefined {
  const { policy } = checkPolicy(snapshot.policy)
  if (policy === undefined) return undefined
  if (snapshot.organization_policy === null) return { policy, compiled: compile(policy) }
  const { policy: above } = checkPolicy(snapshot.organization_policy, { organization: true })
  return above === undefined ? undefined : { policy, compiled: compile(policy, { above }) }
}

function speaksMysql({ connections }: PolicySnapshot, { facts = {} }: Policy): boolean {
  return (
    connections.some(({ kind }) => kind === 'mysql') ||
    Object.values(facts).some(({ sql }) => sql?.dialect === 'mysql')
  )
}

/** SHA-256 of an API key, in hex: what is stored and looked up instead of the key. */
export function keyDigest(apiKey: string): string {
  return hash('sha256', apiKey)
}
