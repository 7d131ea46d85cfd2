// THE decision point: the only way to an allow. Decides one call by the project's policy, takes its rate
// limits, and hands the record to the audit log. Whatever is missing or fails means deny, with the reason.
import { randomUUIDv7 } from 'node:crypto'
import canonicalize from 'canonicalize'
import { isDeepStrictEqual } from 'node:util'
import type { AuditPublisher } from '@mcpshield/bus/audit'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { drawFacts } from '@mcpshield/facts/draw'
import { decideEveryReading } from '@mcpshield/facts/every-reading'
import type { CompiledPolicy } from '@mcpshield/policy/compile'
import { couldAllow } from '@mcpshield/policy/could-allow'
import { decide } from '@mcpshield/policy/decide'
import type { Access, Context, Facts, JsonObject, UrlFact } from '@mcpshield/policy/facts'
import { isUnknown } from '@mcpshield/policy/facts'
import { namesHost } from '@mcpshield/policy/named-host'
import { deniedArguments } from '@mcpshield/redact/deny-arguments'
import type { KeyedHash } from '@mcpshield/redact/marker'
import type { Decision, Obligations } from '@mcpshield/policy/schema'
import { currentCredential } from './current-credential.ts'
import { drawOptions } from './draw-options.ts'
import type { FactsCache } from './facts-cache.ts'
import type { LimitStore, Window } from './limits.ts'
import { decisionEvent, outcomeEvent, type CallOutcome } from './record.ts'
import type { Credential, ProjectPolicy, Snapshots } from './snapshots.ts'

export type PdpDeps = {
  snapshots: Snapshots
  limits: LimitStore
  audit: AuditPublisher
  factsCache: FactsCache
  /** Of the arguments' digest. */
  keyedHash: KeyedHash
  now(): Date
}

export type CallToDecide = {
  credential: Credential
  method: string
  /** Canonical, or what the client sent when nothing canonical is known. */
  tool: string
  arguments: JsonObject
  /** What goes along with the arguments; no rule is about it, but what no call may carry is looked for in it. */
  carried?: JsonObject | undefined
  /** The client's own name for itself. */
  agent: string | null
  requestId: string | null
  /** Why the tool's definition is not the approved one; such a call is denied, in monitor mode too. */
  quarantined?: string | undefined
  /** A person's word on exactly this call, used up: see `callDigest`. */
  approval?: { digest: string; approvedBy: string | null } | undefined
}

export type Verdict = {
  /** Id of the decision and of its audit record. */
  id: string
  decision: Decision
  facts: Facts | null
  /** True when the call may go on: allowed, or a project in monitor mode. */
  forward: boolean
  /** True when running the call cannot change anything, as far as its facts tell. */
  readOnly: boolean
  policyVersion: number | null
  /** Milliseconds until a rate-limited call may come again. */
  retryAfterMs: number | null
  /**
   * What a call that is forwarded owes: the policy's word, whatever else denied the call that a project in monitor
   * mode forwards all the same.
   */
  owes: Obligations
  /**
   * Whether this call would be forwarded, and under the same obligations, if it touched these paths or URLs: for
   * what a name only leads to. Takes no rate limit and leaves no record.
   */
  alsoAllows(touched: Partial<Pick<Facts, 'arguments' | 'paths' | 'urls'>>): boolean
  /** Whether the policy allows this URL by naming its very host: what is not public is open to nothing less. */
  namesHost(url: UrlFact): boolean
  /** What an approval of this call is bound to: asker, method, tool, arguments and the policy in force. */
  digest(): string
  /** Settles when the record is stored. Nothing of a call may be released before. */
  recorded: Promise<void>
  /** Sends the second event of the record; never rejects. */
  finish(outcome: CallOutcome): Promise<void>
}

export type DecisionPoint = {
  decideCall(call: CallToDecide): Promise<Verdict>
  /** Whether some call of this tool could be allowed or asked for: what lists may show. */
  couldShow(credential: Credential, method: string, tool: string): boolean
  /** Whether an upstream may be asked what it has for this asker at all. */
  mayList(credential: Credential, slug: string): boolean
  /** Whether what an upstream tells outside of requests may still be passed on: of a resource, while it may be subscribed to. */
  mayHear(credential: Credential, slug: string, message: { method: string; params?: JsonObject }): boolean
  /**
   * What is looked for in what belongs to no decided call, such as a server's logs and descriptions: whatever some rule
   * redacts. Fields are rows' matter.
   */
  standing(credential: Credential): Obligations['redact']
  /** The record of a message that was refused unread: no call, no method, no tool. Resolves when it is stored. */
  recordMalformed(credential: Credential, refused: { reason: string; requestId: string }): Promise<void>
}

/** An outcome may be recorded a little late, and is not given up easily. */
const OUTCOME = { deadlineMs: 60_000, lingerMs: 20 }

export function decisionPoint(deps: PdpDeps): DecisionPoint {
  return {
    async decideCall(given) {
      const time = deps.now()
      const id = randomUUIDv7()
      const current = currentCredential(deps.snapshots, given.credential, time)
      const isAsGiven = current === undefined || current === given.credential
      const call: CallToDecide = isAsGiven ? given : { ...given, credential: current }
      const project = deps.snapshots.project(call.credential.project_id)
      const facts = project === undefined ? null : factsOf(deps.factsCache, project, call)
      const refused = refuseBeforePolicy(deps.snapshots, project, call, current !== undefined)
      const byPolicy = refused ?? decideAsRead(project, call, facts, time)
      const digest = () => callDigest(deps.keyedHash, project, call)
      const approved =
        byPolicy.decision === 'ask' && call.approval !== undefined && call.approval.digest === digest()
      const asked: Decision = approved ? { ...byPolicy, decision: 'allow' } : byPolicy
      let decision = refused ?? denySecretArguments(asked, { arguments: call.arguments, ...call.carried })
      let retryAfterMs: number | null = null
      if (decision.decision === 'allow' && decision.obligations.rate_limits.length > 0) {
        ;({ decision, retryAfterMs } = await takeLimits(deps.limits, call, decision, id))
      }
      const event = decisionEvent(
        {
          ...call,
          id,
          time,
          project,
          facts,
          decision,
          approvedBy: approved ? (call.approval?.approvedBy ?? null) : null,
        },
        deps.keyedHash,
      )
      return {
        id,
        decision,
        facts,
        digest,
        retryAfterMs,
        forward: refused === null && mayForward(decision, project, facts, call),
        readOnly: facts !== null && onlyReads(facts),
        policyVersion: project?.snapshot.policy_version ?? null,
        owes: byPolicy.obligations,
        alsoAllows(touched) {
          if (facts === null || refused !== null) return false
          const other = { ...facts, ...touched }
          const again = decideByPolicy(project, call, other, time)
          const alike = isDeepStrictEqual(again.obligations, byPolicy.obligations)
          return alike && mayForward(again, project, other, call)
        },
        namesHost(url) {
          if (facts === null || refused !== null || project === undefined) return false
          const { decision: word, rule } = decideByPolicy(project, call, { ...facts, urls: [url] }, time)
          return word === 'allow' && namesHost(project.policy, rule, url)
        },
        recorded: recordDecision(deps.audit, event),
        finish: (outcome) => recordOutcome(deps.audit, event, outcome),
      }
    },
    couldShow(given, method, tool) {
      const project = deps.snapshots.project(given.project_id)
      const credential = currentCredential(deps.snapshots, given, deps.now())
      if (project === undefined || !open(deps.snapshots, project, credential, tool)) return false
      if (project.snapshot.mode === 'monitor') return true
      return couldAllow(project.compiled, method, tool, contextOf(project, credential, null, deps.now()))
    },
    mayList(given, slug) {
      const project = deps.snapshots.project(given.project_id)
      const credential = currentCredential(deps.snapshots, given, deps.now())
      return project !== undefined && open(deps.snapshots, project, credential, slug)
    },
    mayHear(credential, slug, { method, params }) {
      const uri = params?.['uri']
      if (method !== 'notifications/resources/updated' || typeof uri !== 'string')
        return this.mayList(credential, slug)
      return this.couldShow(credential, 'resources/subscribe', `${slug}/${uri}`)
    },
    standing(credential) {
      const compiled = deps.snapshots.project(credential.project_id)?.compiled
      return compiled === undefined ? NO_OBLIGATIONS.redact : standingOf(compiled)
    },
    recordMalformed(credential, { reason, requestId }) {
      const call = { credential, method: '', tool: '', arguments: {}, agent: null, requestId }
      const project = deps.snapshots.project(credential.project_id)
      const decision = denied('malformed', reason)
      const unread = { id: randomUUIDv7(), time: deps.now(), project, facts: null, approvedBy: null }
      return recordDecision(deps.audit, decisionEvent({ ...call, ...unread, decision }, deps.keyedHash))
    },
  }
}

const standing = new WeakMap<CompiledPolicy, Obligations['redact']>()

function standingOf(compiled: CompiledPolicy): Obligations['redact'] {
  const known = standing.get(compiled)
  if (known !== undefined) return known
  const all = compiled.rules.flatMap(({ obligations }) => obligations?.redact ?? [])
  const unique = new Map(
    all.filter((each) => !('fields' in each)).map((each) => [JSON.stringify(each), each]),
  )
  standing.set(compiled, [...unique.values()])
  return [...unique.values()]
}

/** Whether an asker could get anything from there, whatever the policy says. */
function open(
  snapshots: Snapshots,
  project: ProjectPolicy,
  credential: Credential | undefined,
  tool: string,
): credential is Credential {
  if (credential === undefined || !snapshots.current()) return false
  return killedBy(project, credential) === null && reaches(credential, tool)
}

function recordDecision(audit: AuditPublisher, event: AuditEvent): Promise<void> {
  const recorded = audit.record(event)
  // The caller awaits it; should the call fail before, this must not count as unhandled.
  recorded.catch(() => undefined)
  return recorded
}

async function recordOutcome(audit: AuditPublisher, event: AuditEvent, outcome: CallOutcome): Promise<void> {
  await audit.record(outcomeEvent(event, outcome), OUTCOME).catch(() => undefined)
}

function factsOf(cache: FactsCache, project: ProjectPolicy, call: CallToDecide): Facts {
  // Written so that no name reads as the end of one and the beginning of the next.
  const prefix = JSON.stringify([project.cacheId, call.method, call.tool])
  return cache.get(prefix, call.arguments, () => {
    const { method, tool, arguments: args } = call
    return drawFacts({ method, tool, arguments: args }, drawOptions(project.policy, project.snapshot, tool))
  })
}

/** Denials that stand above any policy and hold in monitor mode too; null when there is none. */
function refuseBeforePolicy(
  snapshots: Snapshots,
  project: ProjectPolicy | undefined,
  call: CallToDecide,
  isKnown: boolean,
): Decision | null {
  if (!snapshots.current()) {
    return denied('policy_unavailable', 'The policy cannot be read right now; try again in a moment.')
  }
  if (!isKnown) return denied('revoked', 'The API key or access token of this call is revoked or expired.')
  if (project === undefined) return denied('no_policy', 'This project has no policy in force.')
  const killed = killedBy(project, call.credential)
  if (killed !== null) return denied('killed', `The ${killed}’s kill switch is on: every call is denied.`)
  if (call.quarantined !== undefined) return denied('quarantined', call.quarantined)
  if (!reaches(call.credential, call.tool)) {
    return denied('key_upstreams', 'This API key is not meant for this upstream.')
  }
  return null
}

function killedBy({ snapshot }: ProjectPolicy, credential: Credential): string | null {
  if (snapshot.organization_killed === true) return 'organisation'
  if (snapshot.killed) return 'project'
  return credential.killed === true ? 'API key' : null
}

/** Keyed, as arguments may be guessed; in one order of members, as an asker may write them in another next time. */
function callDigest(keyedHash: KeyedHash, project: ProjectPolicy | undefined, call: CallToDecide): string {
  const { credential, method, tool, arguments: args } = call
  const { policy_version, policy_hash, runtime_version } = project?.snapshot ?? {}
  const terms = call.carried?.['task'] ?? {}
  const bound = [
    credential.project_id,
    credential.subject,
    method,
    tool,
    args,
    terms,
    policy_version,
    policy_hash,
    runtime_version,
  ]
  return keyedHash(`approval ${canonicalize(bound)}`)
}

/** A key may be meant for some upstreams and connectors only. */
function reaches(credential: Credential, tool: string): boolean {
  return credential.upstreams === null || credential.upstreams.includes(tool.split(/[/.]/)[0] ?? '')
}

function decideByPolicy(
  project: ProjectPolicy | undefined,
  call: CallToDecide,
  facts: Facts | null,
  time: Date,
): Decision {
  if (project === undefined || facts === null)
    return denied('no_policy', 'This project has no policy in force.')
  try {
    return decide(project.compiled, facts, contextOf(project, call.credential, call.agent, time))
  } catch {
    // An error while evaluating denies and says so; it never skips a rule.
    return denied('evaluation_error', 'The policy could not be evaluated for this call.')
  }
}

function decideAsRead(
  project: ProjectPolicy | undefined,
  call: CallToDecide,
  facts: Facts | null,
  time: Date,
): Decision {
  if (facts === null) return decideByPolicy(project, call, facts, time)
  return decideEveryReading(call.method, facts, (read) => decideByPolicy(project, call, read, time))
}

/** `{detector, on: arguments, deny: true}`: a call that carries such a thing is denied by that rule. */
function denySecretArguments(decision: Decision, args: JsonObject): Decision {
  if (decision.decision === 'deny') return decision
  const found = deniedArguments(args, decision.obligations.deny_arguments)
  return found === undefined ? decision : denied(found.rule, found.reason)
}

function contextOf(
  project: ProjectPolicy,
  credential: Credential,
  agent: string | null,
  time: Date,
): Context {
  return {
    environment: project.snapshot.environment,
    key: credential.name,
    labels: credential.labels,
    time: time.toISOString(),
    ...(credential.user === undefined ? {} : { user: credential.user, groups: credential.groups ?? [] }),
    ...(agent === null ? {} : { agent }),
  }
}

const NO_OBLIGATIONS: Obligations = { rate_limits: [], redact: [] }

function denied(rule: string, reason: string): Decision {
  return { decision: 'deny', rule, reason, obligations: NO_OBLIGATIONS }
}

/** Takes the decision's windows; a full one denies for good, and so does a store that does not answer. */
async function takeLimits(
  limits: LimitStore,
  call: CallToDecide,
  decision: Decision,
  id: string,
): Promise<{ decision: Decision; retryAfterMs: number | null }> {
  const rates = decision.obligations.rate_limits
  const windows: Window[] = rates.map((rate) => ({
    key: `limit:${call.credential.project_id}:${rate.rule}:${rate.by}:${subjectOf(rate.by, call)}`,
    calls: rate.calls,
    perMs: rate.per_ms,
  }))
  try {
    const taken = await limits.take(windows, id)
    if (taken.taken) return { decision, retryAfterMs: null }
    const rate = rates[taken.exceeded]
    return {
      decision: {
        ...denied(rate?.rule ?? decision.rule, `rate_limited: try again in ${taken.retryAfterMs} ms.`),
      },
      retryAfterMs: taken.retryAfterMs,
    }
  } catch {
    return {
      decision: denied(
        decision.rule,
        'limit_unavailable: the rate limit could not be checked; try again in a moment.',
      ),
      retryAfterMs: null,
    }
  }
}

function subjectOf(by: 'key' | 'agent' | 'project' | 'user', call: CallToDecide): string {
  if (by === 'key' || (by === 'user' && call.credential.user !== undefined)) return call.credential.subject
  if (by === 'agent') return call.agent ?? ''
  return call.credential.project_id // One window for all where nobody is told apart.
}

function mayForward(
  decision: Decision,
  project: ProjectPolicy | undefined,
  facts: Facts | null,
  call: CallToDecide,
): boolean {
  if (decision.decision === 'allow') return true
  if (project?.snapshot.mode !== 'monitor') return false
  // Monitoring forwards what policy would have stopped, never what a connector of ours could not understand.
  return !isConnectorTool(call.tool) || (facts !== null && factsKnown(facts))
}

/** `postgres.query` is ours; `github/search.issues` is not. */
export function isConnectorTool(tool: string): boolean {
  return /^[a-z]+\.[a-z]+$/.test(tool)
}

/** Facts of which no path, no URL, and no operation or resource of an access is unknown. */
export type KnownFacts = Facts & { paths: string[]; urls: UrlFact[]; accesses: Access[] }

/** A connector never runs a call of which it is not known what it touches, whatever the rules say. */
export function factsKnown(facts: Facts): facts is KnownFacts {
  if (isUnknown(facts.accesses) || isUnknown(facts.paths) || isUnknown(facts.urls)) return false
  if (facts.paths.some(isUnknown) || facts.urls.some(isUnknown)) return false
  return facts.accesses.every((access) => !isUnknown(access.operation) && !isUnknown(access.resource))
}

function onlyReads(facts: Facts): boolean {
  return (
    !isUnknown(facts.accesses) &&
    facts.accesses.length > 0 &&
    facts.accesses.every((each) => each.operation === 'read')
  )
}
