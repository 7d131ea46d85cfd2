// The language read aloud: a slow first-match loop over the document itself, written apart from the engine so that
// one can be held against the other. No index, no compiled conditions, no early exit.
import type { Access, Context, Facts, JsonValue, UrlFact } from '../src/facts.ts'
import type { Constraint, TimeWindow } from '../src/conditions-schema.ts'
import type { Obligations, Policy, Rule } from '../src/schema.ts'

type Truth = 'true' | 'false' | 'unknown'
type Mode = 'hold' | 'may'
export type Verdict = { decision: 'allow' | 'deny' | 'ask'; rule: string; owed: Set<string> }

export function oracle(policy: Policy, facts: Facts, context: Context, above?: Policy): Verdict {
  const deny = (rule: string): Verdict => ({ decision: 'deny', rule, owed: new Set() })
  if (facts.method === 'tools/call' && !/^[A-Za-z0-9_\-./]{1,128}$/.test(facts.tool)) return deny('default')
  if (facts.method !== 'tools/call' && !/^[\w.-]{1,64}\/.+$/.test(facts.tool)) return deny('default')
  const all = [
    ...(above?.rules ?? []).map((rule, i) => ({ rule, id: `organization/${rule.id ?? `rule-${i + 1}`}` })),
    ...(policy.rules ?? []).map((rule, i) => ({ rule, id: rule.id ?? `rule-${i + 1}` })),
  ].filter(
    ({ rule }) => anyMatch(rule.method ?? 'tools/call', facts.method) && anyMatch(rule.tool, facts.tool),
  )

  const judged = all.map(({ rule, id }) => ({
    rule,
    id,
    holds: ruleHolds(rule, facts, context),
    may: ruleMayHold(rule, facts, context),
  }))
  const asks = judged.filter(({ rule }) => rule.decision === 'ask')
  const decider = judged.findIndex(({ rule, holds, may }) => (rule.decision === 'deny' ? may : holds))
  const found = judged[decider]
  if (found?.rule.decision === 'deny') return deny(found.id)
  if (found === undefined && policy.default !== 'allow') return deny('default')
  if (found === undefined && hasUnknown(facts)) return deny('default')

  const end = decider === -1 ? judged.length : decider
  const askAbove = asks.find((each) => each.may && judged.indexOf(each) < end)
  const isAsk = found?.rule.decision === 'ask' || askAbove !== undefined
  const firstAllow = judged.findIndex(({ rule, holds }) => rule.decision === 'allow' && holds)
  const reach =
    found?.rule.decision === 'ask' ? (firstAllow === -1 ? judged.length : firstAllow + 1) : end + 1
  const owed = judged.slice(0, reach).filter(({ rule, may }) => rule.decision !== 'deny' && may)
  const rule = found?.rule.decision === 'ask' ? found.id : (askAbove?.id ?? found?.id ?? 'default')
  return {
    decision: isAsk ? 'ask' : 'allow',
    rule,
    owed: new Set(owed.flatMap((each) => bringsOf(each.rule, each.id))),
  }
}

/** What a rule brings, one word for each obligation. */
function bringsOf(rule: Rule, id: string): string[] {
  const { rate_limit: rate, max_rows, max_bytes, timeout } = rule.limits ?? {}
  const brought = (rule.redact ?? []).map((entry) => {
    if (typeof entry !== 'string' && 'on' in entry) return `never ${entry.detector} by ${id}`
    return `redact ${JSON.stringify(typeof entry === 'string' ? { detector: entry } : entry)}`
  })
  if (rule.decision === 'ask') brought.push(`wait ${WAITS_MS[rule.timeout ?? '5m']}`)
  if (rate !== undefined) brought.push(`rate ${id}`)
  if (max_rows !== undefined) brought.push(`max_rows ${max_rows}`)
  if (max_bytes !== undefined) brought.push(`max_bytes ${max_bytes}`)
  if (timeout !== undefined) brought.push(`timeout ${timeout}`)
  return brought
}

const WAITS_MS: Record<string, number> = { '1m': 60_000, '5m': 300_000, '2h': 7_200_000 }

/** Whether the obligations of a decision are at least as tight as `owed` says, and bring nothing else. */
export function matchesOwed(obligations: Obligations, owed: Set<string>): boolean {
  const words = [...owed]
  const least = (name: string) => {
    const values = words
      .filter((each) => each.startsWith(`${name} `))
      .map((each) => Number.parseInt(each.split(' ')[1] ?? '', 10))
    return values.length === 0 ? undefined : Math.min(...values)
  }
  const timeoutS = least('timeout')
  const redactions = words.filter((each) => each.startsWith('redact ')).map((each) => each.slice(7))
  return (
    obligations.max_rows === least('max_rows') &&
    obligations.max_bytes === least('max_bytes') &&
    obligations.timeout_ms === (timeoutS === undefined ? undefined : timeoutS * 1000) &&
    obligations.ask_timeout_ms === least('wait') &&
    sameSet(
      (obligations.deny_arguments ?? []).map(({ rule, detector }) => `never ${detector} by ${rule}`),
      words.filter((each) => each.startsWith('never ')),
    ) &&
    sameSet(
      obligations.rate_limits.map(({ rule }) => `rate ${rule}`),
      words.filter((each) => each.startsWith('rate ')),
    ) &&
    sameSet(
      obligations.redact.map((each) => JSON.stringify(each)),
      redactions,
    )
  )
}

function sameSet(a: string[], b: string[]): boolean {
  return a.toSorted().join('\n') === b.toSorted().join('\n')
}

function ruleHolds(rule: Rule, facts: Facts, context: Context): boolean {
  const tested = kindsTested(rule)
  for (const kind of ['paths', 'urls', 'accesses'] as const) {
    const list = facts[kind]
    if (tested.size === 0) continue
    if (!Array.isArray(list)) return false
    if (!tested.has(kind) && list.length > 0) return false
    if (tested.has(kind) && list.length === 0) return false
    if (tested.has(kind) && !list.every((fact) => factTruth(rule, kind, fact, 'hold') === 'true'))
      return false
  }
  return callTruths(rule, facts, context, 'hold').every((truth) => truth === 'true')
}

function ruleMayHold(rule: Rule, facts: Facts, context: Context): boolean {
  for (const kind of kindsTested(rule)) {
    const list = facts[kind]
    if (Array.isArray(list) && !list.some((fact) => factTruth(rule, kind, fact, 'may') !== 'false'))
      return false
  }
  return callTruths(rule, facts, context, 'may').every((truth) => truth !== 'false')
}

type Kind = 'paths' | 'urls' | 'accesses'

function kindsTested({ conditions = {} }: Rule): Set<Kind> {
  const kinds = new Set<Kind>()
  if (conditions.path_prefix !== undefined) kinds.add('paths')
  if (conditions.allowed_domains !== undefined || conditions.blocked_domains !== undefined) kinds.add('urls')
  for (const name of ['connection', 'operations', 'resources', 'fields', 'functions'] as const) {
    if (conditions[name] !== undefined) kinds.add('accesses')
  }
  return kinds
}

function factTruth(rule: Rule, kind: Kind, fact: unknown, mode: Mode): Truth {
  if (typeof fact === 'object' && fact !== null && 'unknown' in fact) return 'unknown'
  if (kind === 'paths')
    return truth(list(rule.conditions?.path_prefix).some((prefix) => inside(fact as string, prefix)))
  return kind === 'urls' ? urlTruth(rule, fact as UrlFact) : accessTruth(rule, fact as Access, mode)
}

function inside(path: string, prefix: string): boolean {
  const wanted = prefix.split('/').filter(Boolean)
  const segments = path.split('/').filter(Boolean)
  return wanted.every((segment, i) => segments[i] === segment)
}

function urlTruth({ conditions = {}, decision }: Rule, url: UrlFact): Truth {
  const truths: Truth[] = []
  if (conditions.allowed_domains !== undefined) {
    truths.push(truth(list(conditions.allowed_domains).some((entry) => urlIsAllowed(entry, url))))
  }
  if (conditions.blocked_domains !== undefined) {
    const blocked = list(conditions.blocked_domains).some((entry) => urlIsBlocked(entry, url))
    truths.push(truth(decision === 'deny' ? blocked : !blocked))
  }
  return all(truths)
}

const DEFAULT_PORT: Record<string, number> = { http: 80, https: 443 }

function urlIsAllowed(entry: string, url: UrlFact): boolean {
  const { scheme, host, port } = split(entry)
  if (scheme === undefined ? !(url.scheme in DEFAULT_PORT) : url.scheme !== scheme) return false
  const isLocal = /^[0-9.]+$|:|(^|\.)localhost$|^metadata\.google\.internal$/.test(url.host)
  if (host === '*') return !isLocal && (port === undefined || port === url.port)
  if ((port ?? DEFAULT_PORT[url.scheme]) !== url.port) return false
  return host.startsWith('*.') ? !isLocal && isBelow(url.host, host.slice(2)) : url.host === host
}

function urlIsBlocked(entry: string, url: UrlFact): boolean {
  const { scheme, host, port } = split(entry)
  if (scheme !== undefined && scheme !== url.scheme) return false
  if (port !== undefined && port !== url.port) return false
  if (host === '*') return true
  const plain = url.host.toLowerCase().replace(/\.+$/, '')
  return host.startsWith('*.') ? isBelow(plain, host.slice(2)) : plain === host
}

function isBelow(host: string, domain: string): boolean {
  return (
    host.split('.').slice(-domain.split('.').length).join('.') === domain &&
    host !== domain &&
    host !== `.${domain}`
  )
}

function split(entry: string): { scheme?: string; host: string; port?: number } {
  const [, scheme, host = '', port] = /^(?:(\w+):\/\/)?([^:]*)(?::(\d+))?$/.exec(entry) ?? []
  return {
    host,
    ...(scheme === undefined ? {} : { scheme }),
    ...(port === undefined ? {} : { port: Number(port) }),
  }
}

function accessTruth({ conditions = {}, decision }: Rule, access: Access, mode: Mode): Truth {
  const { connection, operations, resources, fields, functions } = conditions
  const anyCase = mode === 'may'
  const truths: Truth[] = []
  if (connection !== undefined) truths.push(ofText(access.connection, (name) => anyMatch(connection, name)))
  if (operations !== undefined)
    truths.push(ofText(access.operation, (name) => list(operations).some((each) => each === name)))
  if (resources !== undefined) {
    const none = decision === 'allow' || list(resources).some((glob) => /^\*+$/.test(glob))
    truths.push(
      access.resource === null
        ? truth(none)
        : ofText(access.resource, (name) => anyMatch(resources, name, anyCase)),
    )
  }
  if (fields !== undefined)
    truths.push(
      membersTruth(access.fields, fields, decision, mode, (field) => namesOf(field, access.resource), true),
    )
  if (functions !== undefined)
    truths.push(membersTruth(access.functions, functions, decision, mode, (name) => [name]))
  return all(truths)
}

function membersTruth(
  members: unknown,
  globs: string | string[],
  decision: Rule['decision'],
  mode: Mode,
  names: (member: string) => (string | undefined)[],
  /** Whether members have parts, as the fields of documents do. */
  parts = false,
): Truth {
  if (!Array.isArray(members)) return 'unknown'
  if (members.length === 0) return truth(decision !== 'deny')
  const truths = (members as string[]).map((member) => {
    const known = names(member)
    if (known.some((name) => name !== undefined && anyMatch(globs, name, mode === 'may'))) return 'true'
    if (mode === 'may' && parts && known.some((name) => name !== undefined && brings(globs, name)))
      return 'true'
    return known.includes(undefined) ? 'unknown' : 'false'
  })
  return mode === 'hold' ? all(truths) : any(truths)
}

/** A field that comes whole brings what a glob names in it, as far as the glob says so letter by letter. */
function brings(globs: string | string[], name: string): boolean {
  const sameCase = (text: string) => text.toLowerCase().toUpperCase()
  return list(globs).some((glob) => sameCase(glob.split(/[*?]/)[0] ?? '').startsWith(`${sameCase(name)}.`))
}

function namesOf(field: string, resource: Access['resource']): (string | undefined)[] {
  if (resource === null) return [field]
  if (typeof resource !== 'string') return [field, undefined]
  return [field, `${resource}.${field}`, `${resource.split('.').at(-1)}.${field}`]
}

function callTruths(
  { conditions = {}, decision }: Rule,
  facts: Facts,
  context: Context,
  mode: Mode,
): Truth[] {
  const truths: Truth[] = []
  for (const name of ['environment', 'key', 'labels', 'agent', 'user', 'groups'] as const) {
    const globs = conditions[name]
    if (globs === undefined) continue
    const value = context[name]
    if (Array.isArray(value)) truths.push(truth(value.some((each) => anyMatch(globs, each))))
    else truths.push(ofText(value, (text) => anyMatch(globs, text)))
  }
  if (conditions.time !== undefined) {
    const { time } = context
    truths.push(typeof time === 'string' ? truth(isInWindow(new Date(time), conditions.time)) : 'unknown')
  }
  for (const [path, constraint] of Object.entries(conditions.parameters ?? {})) {
    const isMarker = 'unknown' in facts.arguments && Object.keys(facts.arguments).length === 1
    truths.push(
      isMarker ? 'unknown' : parameterTruth(facts.arguments, path.split('.'), constraint, decision, mode),
    )
  }
  return truths
}

const WEEK = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/** Minute by minute: whether one of the window's stretches, begun that day or the day before, covers the moment. */
function isInWindow(
  at: Date,
  { days = 'mon-sun', hours = '00:00-24:00', timezone = 'UTC' }: TimeWindow,
): boolean {
  const [date = '', clock = ''] = at.toLocaleString('sv-SE', { timeZone: timezone }).split(' ')
  const weekday = (new Date(date).getUTCDay() + 6) % 7
  const open = new Set(
    list(days).flatMap((range) => {
      const [first = '', last = first] = range.split('-')
      const [from, to] = [WEEK.indexOf(first), WEEK.indexOf(last)]
      return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, i) => (from + i) % 7)
    }),
  )
  const now = clock.slice(0, 5)
  return list(hours).some((stretch) => {
    const [from = '', to = ''] = stretch.split('-')
    if (from < to) return open.has(weekday) && from <= now && now < to
    return (open.has(weekday) && from <= now) || (open.has((weekday + 6) % 7) && now < to)
  })
}

function parameterTruth(
  value: JsonValue,
  path: string[],
  constraint: Constraint,
  decision: Rule['decision'],
  mode: Mode,
): Truth {
  const [key, ...rest] = path
  if (key === undefined) return constraintTruth(value, constraint, decision, mode)
  const missing = truth(constraint.required === false)
  if (Array.isArray(value)) {
    if (value.length === 0) return missing
    const truths = value.map((item) => parameterTruth(item, path, constraint, decision, mode))
    return mode === 'hold' ? all(truths) : any(truths)
  }
  if (typeof value !== 'object' || value === null) return 'unknown'
  const next = value[key]
  return next === undefined ? missing : parameterTruth(next, rest, constraint, decision, mode)
}

function constraintTruth(
  value: JsonValue,
  constraint: Constraint,
  decision: Rule['decision'],
  mode: Mode,
): Truth {
  const truths: Truth[] = []
  const { type, minimum, maximum, minLength, maxLength, pattern, format, enum: values, items } = constraint
  const isNumber = typeof value === 'number'
  const ofString = (test: (text: string) => boolean) =>
    truths.push(typeof value === 'string' ? truth(test(value)) : 'unknown')
  if (type !== undefined) {
    const fits = list(type).some((each) =>
      each === 'integer' ? Number.isInteger(value) : each === typeof value,
    )
    truths.push(fits ? 'true' : 'unknown')
  }
  if (pattern !== undefined) ofString((text) => new RegExp(`^(?:${pattern})$`, 'u').test(text))
  if (format === 'ipv4') ofString((text) => text === '1.2.3.4')
  if (format === 'date') ofString((text) => text === '2026-01-31')
  if (minLength !== undefined) ofString((text) => [...text].length >= minLength)
  if (minimum !== undefined) truths.push(isNumber ? truth(value >= minimum) : 'unknown')
  if (maximum !== undefined) truths.push(isNumber ? truth(value <= maximum) : 'unknown')
  if (maxLength !== undefined)
    truths.push(typeof value === 'string' ? truth([...value].length <= maxLength) : 'unknown')
  const listed = [
    ...(values === undefined ? [] : [values]),
    ...('const' in constraint ? [[constraint.const]] : []),
  ]
  for (const values of listed) {
    const isListed = values.some((each) => JSON.stringify(each) === JSON.stringify(value))
    const kind = (each: unknown) => (each === null ? 'null' : Array.isArray(each) ? 'array' : typeof each)
    truths.push(isListed ? 'true' : values.some((each) => kind(each) === kind(value)) ? 'false' : 'unknown')
  }
  if (items !== undefined) {
    if (!Array.isArray(value)) truths.push('unknown')
    else if (value.length === 0) truths.push(truth(mode === 'hold' || decision !== 'deny'))
    else {
      const each = value.map((item) => constraintTruth(item, items as Constraint, decision, mode))
      truths.push(mode === 'hold' ? all(each) : any(each))
    }
  }
  return all(truths)
}

function hasUnknown(facts: Facts): boolean {
  const isMarker = 'unknown' in facts.arguments && Object.keys(facts.arguments).length === 1
  return (
    isMarker ||
    [facts.paths, facts.urls, facts.accesses].some((kind) => {
      if (!Array.isArray(kind)) return true
      return kind.some((fact) => {
        if (typeof fact === 'string') return false
        if ('unknown' in fact) return true
        if (!('operation' in fact)) return false
        return [fact.operation, fact.resource, fact.fields, fact.functions].some(
          (each) => typeof each === 'object' && each !== null && !Array.isArray(each),
        )
      })
    })
  )
}

function ofText(value: unknown, test: (text: string) => boolean): Truth {
  return typeof value === 'string' ? truth(test(value)) : 'unknown'
}

function anyMatch(globs: string | string[], name: string, anyCase = false): boolean {
  return list(globs).some((glob) => globExpression(glob, anyCase).test(name))
}

function globExpression(glob: string, anyCase: boolean): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, anyCase ? 'sui' : 'su')
}

function list<Item>(value: Item | Item[] | undefined): Item[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}

function truth(value: boolean): Truth {
  return value ? 'true' : 'false'
}

function all(truths: Truth[]): Truth {
  if (truths.includes('false')) return 'false'
  return truths.includes('unknown') ? 'unknown' : 'true'
}

function any(truths: Truth[]): Truth {
  if (truths.includes('true')) return 'true'
  return truths.includes('unknown') ? 'unknown' : 'false'
}
