// A recorded call decided again by the policy of its time, rule by rule: why it was decided as it was. The engine is
// loaded for it alone.
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { compile } from '@mcpshield/policy/compile'
import { decide } from '@mcpshield/policy/decide'
import type { Context, Facts, JsonObject, Unknown } from '@mcpshield/policy/facts'
import { parsePolicy } from '@mcpshield/policy/parse'
import type { Decision, Policy } from '@mcpshield/policy/schema'
import { factsOf } from '#lib/calls/touched.ts'
import type { PoliciesOfCall } from './policy/+server.ts'

export type Key = { name: string; labels: string[] }
export type Replayed = Decision & {
  /** Whether something of the call is hidden in the record, so that rules that test it cannot tell. */
  isPartly: boolean
}

/** Longer texts were cut when they were recorded. */
const MAX_TEXT_UNITS = 8_192
const MARKED = /\[(?:redacted|hash|withheld):/
const HIDDEN: Unknown = { unknown: 'redacted in the record' }

/** Throws with a sentence for the person when the policy cannot be read by this version. */
export function replay(record: AuditRecord, key: Key | undefined, policies: PoliciesOfCall): Replayed {
  const above = policies.above === null ? undefined : policyOf(policies.above)
  const compiled = compile(policyOf(policies.policy), above === undefined ? {} : { above })
  const { facts, isPartly } = factsOfRecord(record)
  const decision = decide(compiled, facts, contextOf(record, key, policies.environment), { trace: true })
  return { ...decision, isPartly: isPartly || (record.key_id !== null && key === undefined) }
}

/** Whether the record has what the engine needs. */
export function isReplayable(record: AuditRecord): boolean {
  return record.kind === 'decision' && (record.policy_version ?? 0) > 0 && factsOf(record) !== undefined
}

function policyOf(yaml: string): Policy {
  const parsed = parsePolicy(yaml)
  if (parsed.policy === undefined) throw new Error('The policy of then is not valid in the language of now.')
  return parsed.policy
}

function factsOfRecord(record: AuditRecord): { facts: Facts; isPartly: boolean } {
  const touched = factsOf(record)
  if (touched === undefined) throw new Error('The record has no facts of this call.')
  const { value: shown, isHidden: hidesFacts } = withoutHidden(touched)
  const { arguments: args } = record
  const hidesArguments = holdsHidden(args)
  const isObject = args !== null && typeof args === 'object' && !Array.isArray(args)
  return {
    facts: {
      method: record.method,
      tool: record.tool,
      arguments: hidesArguments || !isObject ? HIDDEN : (args as JsonObject),
      ...shown,
    },
    isPartly: hidesFacts || hidesArguments,
  }
}

function contextOf({ time, agent, key_id }: AuditRecord, key: Key | undefined, environment: string): Context {
  return {
    environment,
    time,
    ...(agent === null ? {} : { agent }),
    ...(key_id === null || key === undefined ? {} : { key: key.name, labels: key.labels }),
  }
}

const isHiddenText = (text: string) => text.length > MAX_TEXT_UNITS || MARKED.test(text)

function holdsHidden(value: unknown): boolean {
  if (typeof value === 'string') return isHiddenText(value)
  if (value === null || typeof value !== 'object') return false
  return Object.entries(value).some(([name, member]) => isHiddenText(name) || holdsHidden(member))
}

/** Facts with what the record hides as unknown: never taken for what the call really named. */
function withoutHidden<T extends object>(facts: T): { value: T; isHidden: boolean } {
  let isHidden = false
  const shown = (value: unknown): unknown => {
    if (typeof value === 'string') {
      if (!isHiddenText(value)) return value
      isHidden = true
      return HIDDEN
    }
    if (Array.isArray(value)) return value.map(shown)
    if (value === null || typeof value !== 'object') return value
    // A URL of which a part is hidden is hidden as a whole; an access by its attributes.
    if ('href' in value && holdsHidden({ ...value, href: '' })) {
      isHidden = true
      return HIDDEN
    }
    if ('href' in value) return value
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shown(member)]))
  }
  return { value: shown(facts) as T, isHidden }
}
