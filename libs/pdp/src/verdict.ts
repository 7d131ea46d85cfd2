// One call as it is decided, and what was decided of it.
import type { Facts, JsonObject, UrlFact } from '@mcpshield/policy/facts'
import type { Decision, Obligations } from '@mcpshield/policy/schema'
import type { CallOutcome } from './record.ts'
import type { Credential } from './snapshots.ts'

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
  /** 32 hex digits of the trace that the call is part of. */
  traceId?: string | null | undefined
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
