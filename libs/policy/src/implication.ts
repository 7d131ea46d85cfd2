// Whether one rule decides every call that another one would, as far as the documents show it. May say no where the
// answer is yes, never the other way round: what is told to be useless must be.
import type { Conditions } from './conditions-schema.ts'
import { readDomains } from './conditions.ts'
import { domainCloses, domainOpens } from './domain-cover.ts'
import type { DomainEntry } from './domains.ts'
import { covers, foldCase, matchesAll } from './globs.ts'
import { readPathPrefix } from './path-prefix.ts'
import { listOf } from './schema.ts'
import type { Rule } from './schema.ts'

/** `but_empty`: except for calls that touch no stored data, or data without naming a field or function. */
export type Implied = 'no' | 'but_empty' | 'yes'

/** Glob comparisons that may still be made; a document of the largest size must not take longer than a second. */
export type Budget = { left: number }

export function isUnconditional({ conditions = {} }: Rule): boolean {
  return Object.keys(conditions).length === 0
}

/** Whether `above` decides each call, of tools that both name, that `below` would decide or mark. */
export function decidesFirst(above: Rule, below: Rule, budget: Budget): Implied {
  if (isUnconditional(above)) return 'yes'
  if (above.decision === 'deny') return mayHoldToo(above, below, budget)
  if (below.decision === 'allow') return holdsToo(above, below, budget) ? 'yes' : 'no'
  // A rule below that only may hold denies or marks where one above that opens does not hold.
  if (below.decision === 'deny' || above.decision === 'allow') return 'no'
  return mayHoldToo(above, below, budget) === 'yes' && holdsToo(above, below, budget) ? 'yes' : 'no'
}

const ACCESS = ['connection', 'operations', 'resources', 'fields', 'functions'] as const
const CONTEXT = ['environment', 'key', 'labels', 'agent', 'user', 'groups'] as const

type Kinds = { paths: boolean; urls: boolean; accesses: boolean }

function kindsOf(conditions: Conditions): Kinds {
  return {
    paths: conditions.path_prefix !== undefined,
    urls: conditions.allowed_domains !== undefined || conditions.blocked_domains !== undefined,
    accesses: ACCESS.some((name) => conditions[name] !== undefined),
  }
}

const KINDS = ['paths', 'urls', 'accesses'] as const

/** `above` holds whenever `below`, an allow or ask rule, does. */
export function holdsToo(above: Rule, below: Rule, budget: Budget): boolean {
  const [outer, inner] = [above.conditions ?? {}, below.conditions ?? {}]
  const [tested, given] = [kindsOf(outer), kindsOf(inner)]
  const testsAny = KINDS.some((kind) => tested[kind])
  // What `below` leaves untested, the call may have; what it tests, the call has.
  if (testsAny && KINDS.some((kind) => tested[kind] !== given[kind])) return false
  if (above.decision === 'ask' && below.decision === 'allow' && !holdsNothing(outer)) return false
  return callImplied(outer, inner, budget) && factsImplied(above, below, (name) => name, budget)
}

/** `above` may hold whenever `below` holds or may. */
export function mayHoldToo(above: Rule, below: Rule, budget: Budget): Implied {
  const [outer, inner] = [above.conditions ?? {}, below.conditions ?? {}]
  const [tested, given] = [kindsOf(outer), kindsOf(inner)]
  if (KINDS.some((kind) => tested[kind] && !given[kind])) return 'no'
  if (!callImplied(outer, inner, budget) || !factsImplied(above, below, foldCase, budget)) return 'no'
  if (above.decision === below.decision) return 'yes'
  if (JSON.stringify(outer.parameters ?? {}).includes('"items"')) return 'no'
  const namesMembers = outer.fields !== undefined || outer.functions !== undefined
  return namesMembers || !holdsNothing(outer) ? 'but_empty' : 'yes'
}

/** Whether the rule's list of resources, if it has one, is true of what touches no stored data. */
function holdsNothing({ resources }: Conditions): boolean {
  return resources === undefined || listOf(resources).some(matchesAll)
}

function callImplied(outer: Conditions, inner: Conditions, budget: Budget): boolean {
  const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
  if (outer.time !== undefined && !isSame(outer.time, inner.time)) return false
  for (const [path, constraint] of Object.entries(outer.parameters ?? {})) {
    const given = inner.parameters ?? {}
    if (!Object.hasOwn(given, path) || !isSame(constraint, given[path])) return false
  }
  return CONTEXT.every((name) => globsCover(outer[name], inner[name], (text) => text, budget))
}

function factsImplied(above: Rule, below: Rule, reading: (name: string) => string, budget: Budget): boolean {
  const [outer, inner] = [above.conditions ?? {}, below.conditions ?? {}]
  for (const name of ['connection', 'resources', 'fields', 'functions'] as const) {
    const read = name === 'connection' ? (text: string) => text : reading
    if (!globsCover(outer[name], inner[name], read, budget)) return false
  }
  const { operations } = outer
  if (operations !== undefined) {
    if (inner.operations === undefined) return false
    if (!listOf(inner.operations).every((each) => listOf(operations).includes(each))) return false
  }
  return pathsCover(outer, inner, budget) && urlsCover(above, below, budget)
}

type Globs = string | readonly string[] | undefined

function globsCover(outer: Globs, inner: Globs, reading: (name: string) => string, budget: Budget): boolean {
  if (outer === undefined) return true
  if (inner === undefined) return false
  const outers = listOf(outer).map(reading)
  const exact = new Set(outers)
  return listOf(inner).every((each) => {
    const glob = reading(each)
    return exact.has(glob) || outers.some((other) => spend(budget, other, glob) && covers(other, glob))
  })
}

/** Counts what comparing two patterns may cost; false when there is nothing left. */
export function spend(budget: Budget, outer: string, inner: string): boolean {
  budget.left -= 10 + (outer.includes('?') ? outer.length * inner.length : outer.length + inner.length)
  return budget.left > 0
}

function pathsCover(
  { path_prefix: outer }: Conditions,
  { path_prefix: inner }: Conditions,
  budget: Budget,
): boolean {
  if (outer === undefined) return true
  if (inner === undefined) return false
  const folders = listOf(outer).map(folder)
  return listOf(inner)
    .map(folder)
    .every((path) =>
      folders.some((each) => spend(budget, each, path) && (path === each || path.startsWith(`${each}/`))),
    )
}

function folder(text: string): string {
  const read = readPathPrefix(text)
  return 'prefix' in read ? read.prefix : text
}

function urlsCover(above: Rule, below: Rule, budget: Budget): boolean {
  const { conditions: outer = {} } = above
  const { conditions: inner = {} } = below
  const [wide, narrow] = [domainsOf(outer), domainsOf(inner)]
  const covered = (entries: readonly DomainEntry[], by: readonly DomainEntry[], covers: DomainCover) =>
    entries.every((entry) => by.some((each) => spend(budget, each.host, entry.host) && covers(each, entry)))
  if (wide.allowed !== undefined) {
    if (narrow.allowed === undefined || !covered(narrow.allowed, wide.allowed, domainOpens)) return false
  }
  if (wide.blocked === undefined) return true
  if (above.decision !== 'deny') {
    // What a deny rule blocks is what it speaks of; to one that opens it is what it leaves out.
    if (below.decision === 'deny') return false
    return narrow.blocked !== undefined && covered(wide.blocked, narrow.blocked, domainCloses)
  }
  // A deny rule below blocks what it lists; one that opens touches what it allows, or anything.
  const touched = below.decision === 'deny' ? narrow.blocked : (narrow.allowed ?? [ANY_HOST])
  return touched !== undefined && covered(touched, wide.blocked, domainCloses)
}

const ANY_HOST: DomainEntry = { match: 'any', host: '' }

type DomainCover = (outer: DomainEntry, inner: DomainEntry) => boolean
type Domains = { allowed?: DomainEntry[]; blocked?: DomainEntry[] }

const domains = new WeakMap<Conditions, Domains>()

/** Read once for each rule, not for each comparison. */
function domainsOf(conditions: Conditions): Domains {
  let read = domains.get(conditions)
  if (read === undefined) {
    const { allowed_domains, blocked_domains } = conditions
    read = {
      ...(allowed_domains === undefined ? {} : { allowed: readDomains(allowed_domains) }),
      ...(blocked_domains === undefined ? {} : { blocked: readDomains(blocked_domains) }),
    }
    domains.set(conditions, read)
  }
  return read
}
