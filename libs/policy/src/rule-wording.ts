// A rule in plain words, made from what it says and never from its description, which decides nothing. For people who may
// read the policy.
import type { Conditions, Constraint, TimeWindow } from './conditions-schema.ts'
import { isGlob, matchesAll } from './globs.ts'
import type { RedactEntry } from './limits-schema.ts'
import type { Owed } from './owed.ts'
import { listOf } from './schema.ts'
import type { Rule } from './schema.ts'
import { shown } from './wording.ts'

const MAX_NAMED = 40
/** Of an argument's constraint, which is told as it is written. */
const MAX_CONSTRAINT_UNITS = 300

/** `Allows reads of public.orders by postgres.query, at most 100 rows.` */
export function ruleInWords(rule: Rule): string {
  return `${VERBS[rule.decision].third} ${scopeInWords(rule)}${owedInWords(rule)}.`
}

const VERBS = {
  allow: { third: 'Allows' },
  deny: { third: 'Denies' },
  ask: { third: 'Asks a person before' },
}

/** What the rule speaks of, to follow a verb: `reads of public.orders by postgres.query`. */
export function scopeInWords({ tool, method, conditions = {} }: Rule): string {
  const what = [...accessWords(conditions), ...pathWords(conditions), ...urlWords(conditions)]
  const by = toolWords(tool)
  const subject = what.length === 0 ? `every call of ${by}` : `${what.join(' and ')} by ${by}`
  const when = circumstances(conditions)
  return subject + methodWords(method) + (when.length === 0 ? '' : ` ${when.join(', ')}`)
}

function toolWords(tool: Rule['tool']): string {
  return listOf(tool).some(matchesAll) ? 'any tool' : namesInWords(listOf(tool))
}

function methodWords(method: Rule['method']): string {
  return method === undefined ? '' : ` (method ${namesInWords(listOf(method))})`
}

/** The widest first, so that none of them hides behind many names. */
export function namesInWords(names: readonly string[], conjunction = 'or'): string {
  const breadth = (name: string) => (matchesAll(name) ? 0 : isGlob(name) ? 1 : 2)
  const sorted = names.toSorted((a, b) => breadth(a) - breadth(b)).map(shown)
  if (sorted.length > MAX_NAMED) {
    return `${sorted.slice(0, MAX_NAMED).join(', ')} and ${sorted.length - MAX_NAMED} more`
  }
  const [last = ''] = sorted.slice(-1)
  return sorted.length < 2 ? last : `${sorted.slice(0, -1).join(', ')} ${conjunction} ${last}`
}

const OPERATIONS = {
  read: 'reads',
  write: 'writes',
  schema: 'schema changes',
  admin: 'administrative commands',
} as const

function accessWords({ operations, resources, fields, functions, connection }: Conditions): string[] {
  if ([operations, resources, fields, functions, connection].every((each) => each === undefined)) return []
  const acts =
    operations === undefined
      ? 'every access'
      : namesInWords([...new Set(listOf(operations))].map((each) => OPERATIONS[each]))
  const of = operations === undefined ? 'to' : 'of'
  const tables =
    resources === undefined || listOf(resources).some(matchesAll)
      ? `${of} any data`
      : `${of} ${namesInWords(listOf(resources))}`
  return [
    [
      `${acts} ${tables}`,
      ...(fields === undefined ? [] : [`with the fields ${namesInWords(listOf(fields))}`]),
      ...(functions === undefined ? [] : [`with the functions ${namesInWords(listOf(functions))}`]),
      ...(connection === undefined ? [] : [`on the connection ${namesInWords(listOf(connection))}`]),
    ].join(' '),
  ]
}

function pathWords({ path_prefix }: Conditions): string[] {
  if (path_prefix === undefined) return []
  const folders = listOf(path_prefix)
  return [folders.some((each) => /^\/+$/.test(each)) ? 'any path' : `paths inside ${namesInWords(folders)}`]
}

function urlWords({ allowed_domains, blocked_domains }: Conditions): string[] {
  if (allowed_domains === undefined && blocked_domains === undefined) return []
  const hosts = allowed_domains === undefined ? [] : listOf(allowed_domains)
  const to =
    allowed_domains === undefined || hosts.some(matchesAll)
      ? 'requests to any host'
      : `requests to ${namesInWords(hosts)}`
  if (blocked_domains === undefined) return [to]
  return [`${to} (by its list of blocked domains: ${namesInWords(listOf(blocked_domains), 'and')})`]
}

function circumstances(conditions: Conditions): string[] {
  const { environment, key, labels, agent, user, groups, time, parameters = {} } = conditions
  const named = (before: string, names: string | readonly string[] | undefined) =>
    names === undefined ? [] : [`${before} ${namesInWords(listOf(names))}`]
  return [
    ...named('in the environment', environment),
    ...named('by the key', key),
    ...named('by a key labelled', labels),
    ...named('by a client that calls itself', agent),
    ...named('for the user', user),
    ...named('for a member of', groups),
    ...(time === undefined ? [] : [timeInWords(time)]),
    ...Object.entries(parameters).map(([path, constraint]) => constraintInWords(path, constraint)),
  ]
}

function timeInWords({ days, hours, timezone = 'UTC' }: TimeWindow): string {
  const parts = [
    ...(days === undefined ? [] : [`on ${namesInWords(listOf(days))}`]),
    ...(hours === undefined ? [] : [`at ${namesInWords(listOf(hours))}`]),
  ]
  return parts.length === 0 ? 'at any time' : `${parts.join(' ')} (${shown(timezone)})`
}

function constraintInWords(path: string, constraint: Constraint): string {
  const text = JSON.stringify(constraint)
  const clipped = text.length <= MAX_CONSTRAINT_UNITS ? text : `${text.slice(0, MAX_CONSTRAINT_UNITS)}…`
  return `where the argument ${shown(path)} is ${clipped}`
}

function owedInWords({ limits = {}, redact = [], timeout }: Rule): string {
  const { rate_limit: rate, max_rows, max_bytes, timeout: within } = limits
  const parts = [
    ...(rate === undefined
      ? []
      : [`at most ${rate.calls} calls in ${rate.per} for each ${rate.by ?? 'key'}`]),
    ...(max_rows === undefined ? [] : [`at most ${max_rows} rows`]),
    ...(max_bytes === undefined ? [] : [`at most ${max_bytes} bytes`]),
    ...(within === undefined ? [] : [`within ${within}`]),
    ...(timeout === undefined ? [] : [`waiting ${timeout} for an answer`]),
    ...redact.map(redactionInWords),
  ]
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`
}

function redactionInWords(entry: RedactEntry): string {
  if (typeof entry === 'string') return `with what looks like ${words(entry)} hidden`
  if ('on' in entry) return `never with ${words(entry.detector)} in its arguments`
  const how = entry.with === 'drop' ? 'left out' : entry.with === 'hash' ? 'hashed' : 'hidden'
  if ('detector' in entry) return `with what looks like ${words(entry.detector)} ${how}`
  if ('pattern' in entry) return `with what matches ${shown(entry.pattern)} ${how}`
  return `with the fields ${namesInWords(entry.fields, 'and')} ${how}`
}

const words = (detector: string) => detector.replaceAll('_', ' ')

/** What a rule makes a call owe, as a noun: `the limit of 60 calls in 60 s`. */
export function owedAsNoun(owed: Owed): string {
  switch (owed.kind) {
    case 'rate_limit':
      return `the limit of ${owed.limit.calls} calls in ${owed.limit.per_ms / 1_000} s for each ${owed.limit.by}`
    case 'max_rows':
      return `the limit of ${owed.most} rows`
    case 'max_bytes':
      return `the limit of ${owed.most} bytes`
    case 'timeout_ms':
      return `the time limit of ${owed.most} ms`
    case 'deny_arguments':
      return `the denial of arguments with ${words(owed.detector)}`
    case 'redact':
      return `the redaction ${redactionInWords(owed.redaction)}`
  }
}

/** The whole document, rule by rule, in its order. */
export function policyInWords(policy: {
  rules?: readonly Rule[] | undefined
  default?: 'allow' | 'deny' | undefined
}): string[] {
  const rest =
    policy.default === 'allow'
      ? 'Everything else is allowed, unless something about it is unknown.'
      : 'Everything else is denied.'
  return [...(policy.rules ?? []).map(ruleInWords), rest]
}
