// Where many rules stand on one tool: which of them can speak about a call, by its tables, paths and hosts. A rule
// that is left out cannot even may-hold, so leaving it out changes nothing.
import type { CompiledRule } from './compile.ts'
import { readDomains } from './conditions.ts'
import { plainHost } from './domains.ts'
import type { Access, Facts, UrlFact } from './facts.ts'
import { foldCase, isGlob, literalPrefix } from './globs.ts'
import { foldersOf, isResolvedPath, readPathPrefix } from './path-prefix.ts'
import { listOf } from './schema.ts'

type Postings = Map<string, CompiledRule[]>

export type RuleIndex = {
  all: readonly CompiledRule[]
  /** Rules that no table below can place. */
  rest: readonly CompiledRule[]
  /** Folded table names. */
  resources: Postings
  /** What folded table names begin with, and the lengths of these beginnings. */
  resourcePrefixes: Postings
  prefixLengths: readonly number[]
  folders: Postings
  hosts: Postings
  /** Domains whose subdomains a rule names. */
  parents: Postings
  /** By table name as the call has it: the rules for calls of one access. Bounded; only saves the search. */
  byName: Map<string, readonly CompiledRule[]>
}

const MAX_NAMES = 64
const MAX_NAME_UNITS = 128

export function indexRules(all: readonly CompiledRule[]): RuleIndex {
  const rest: CompiledRule[] = []
  const tables: Record<Place['table'], Postings> = {
    resources: new Map(),
    resourcePrefixes: new Map(),
    folders: new Map(),
    hosts: new Map(),
    parents: new Map(),
  }
  for (const rule of all) {
    const places = placesOf(rule)
    if (places === undefined) rest.push(rule)
    else for (const { table, key } of places) post(tables[table], key, rule)
  }
  const prefixLengths = [...new Set([...tables.resourcePrefixes.keys()].map((prefix) => prefix.length))]
  return { all, rest, ...tables, byName: new Map(), prefixLengths: prefixLengths.sort((a, b) => a - b) }
}

type Place = { table: 'resources' | 'resourcePrefixes' | 'folders' | 'hosts' | 'parents'; key: string }

function placesOf({ rule }: CompiledRule): Place[] | undefined {
  const { resources, path_prefix, allowed_domains, blocked_domains } = rule.conditions ?? {}
  if (resources !== undefined) {
    const places = listOf(resources).map(resourcePlace)
    if (places.every((place) => place !== undefined)) return places
  }
  if (path_prefix !== undefined) return listOf(path_prefix).map(folderPlace)
  const domains = allowed_domains ?? (rule.decision === 'deny' ? blocked_domains : undefined)
  return domains === undefined ? undefined : domainPlaces(domains)
}

function resourcePlace(glob: string): Place | undefined {
  const folded = foldCase(glob)
  if (!isGlob(glob)) return { table: 'resources', key: folded }
  const prefix = literalPrefix(folded)
  return prefix === '' ? undefined : { table: 'resourcePrefixes', key: prefix }
}

function folderPlace(text: string): Place {
  const read = readPathPrefix(text)
  return { table: 'folders', key: 'prefix' in read ? read.prefix : text }
}

function domainPlaces(domains: string | readonly string[]): Place[] | undefined {
  const entries = readDomains(domains)
  if (entries.some((entry) => entry.match === 'any')) return undefined
  return entries.map((entry) => ({
    table: entry.match === 'host' ? 'hosts' : 'parents',
    key: plainHost(entry.host),
  }))
}

function post(table: Postings, key: string, rule: CompiledRule): void {
  const rules = table.get(key)
  if (rules === undefined) table.set(key, [rule])
  else if (rules.at(-1) !== rule) rules.push(rule)
}

/** The placed rules that can speak about the call, in order; null when all rules have to be looked at. */
export function placedRules(index: RuleIndex, facts: Facts): readonly CompiledRule[] | null {
  const name = onlyTable(index, facts)
  if (name === undefined) return findPlaced(index, facts)
  let rules: readonly CompiledRule[] | null | undefined = index.byName.get(name)
  if (rules === undefined) {
    rules = findPlaced(index, facts)
    if (rules === null) return null
    if (index.byName.size >= MAX_NAMES) index.byName.clear()
    index.byName.set(name, rules)
  }
  return rules
}

/** The table, where it is all that the rules found depend on. */
function onlyTable(index: RuleIndex, { accesses }: Facts): string | undefined {
  if (index.folders.size + index.hosts.size + index.parents.size > 0) return undefined
  if (!Array.isArray(accesses) || accesses.length !== 1) return undefined
  const name: unknown = (accesses[0] as Partial<Access> | null)?.resource
  return typeof name === 'string' && name.length <= MAX_NAME_UNITS ? name : undefined
}

function findPlaced(index: RuleIndex, facts: Facts): readonly CompiledRule[] | null {
  const found: (readonly CompiledRule[])[] = []
  if (!findByAccess(index, facts.accesses, found)) return null
  if (!findByPath(index, facts.paths, found)) return null
  if (!findByUrl(index, facts.urls, found)) return null
  const [only] = found
  if (found.length <= 1) return only ?? []
  return [...new Set(found.flat())].sort((a, b) => a.index - b.index)
}

function findByAccess(index: RuleIndex, accesses: unknown, found: (readonly CompiledRule[])[]): boolean {
  if (index.resources.size + index.resourcePrefixes.size === 0) return true
  if (!Array.isArray(accesses)) return false
  for (const access of accesses as (Access | null)[]) {
    // Every list that opens holds what touches no stored data: no table can place it.
    if (typeof access?.resource !== 'string') return false
    const name = foldCase(access.resource)
    if (index.resources.size > 0) add(found, index.resources.get(name))
    for (const length of index.prefixLengths) {
      if (length > name.length) break
      add(found, index.resourcePrefixes.get(name.slice(0, length)))
    }
  }
  return true
}

function findByPath(index: RuleIndex, paths: unknown, found: (readonly CompiledRule[])[]): boolean {
  if (index.folders.size === 0) return true
  if (!Array.isArray(paths)) return false
  for (const path of paths as unknown[]) {
    if (!isResolvedPath(path)) return false
    for (const folder of foldersOf(path)) add(found, index.folders.get(folder))
  }
  return true
}

function findByUrl(index: RuleIndex, urls: unknown, found: (readonly CompiledRule[])[]): boolean {
  if (index.hosts.size + index.parents.size === 0) return true
  if (!Array.isArray(urls)) return false
  for (const url of urls as (Partial<UrlFact> | null)[]) {
    if (typeof url?.host !== 'string' || typeof url.scheme !== 'string' || typeof url.port !== 'number')
      return false
    const host = plainHost(url.host)
    add(found, index.hosts.get(host))
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      add(found, index.parents.get(host.slice(dot + 1)))
    }
  }
  return true
}

function add(found: (readonly CompiledRule[])[], rules: readonly CompiledRule[] | undefined): void {
  if (rules !== undefined) found.push(rules)
}
