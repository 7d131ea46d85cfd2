// Rules that never decide because one above always does. Each rule is compared with the few above that could cover
// it, found by tool and by what they list: the time grows with the rules, not with their square.
import { covers, foldCase, isGlob, literalPrefix } from './globs.ts'
import { decidesFirst, isUnconditional, spend } from './implication.ts'
import type { Budget, Implied } from './implication.ts'
import { foldersOf, readPathPrefix } from './path-prefix.ts'
import { warning } from './problem.ts'
import type { Problem } from './problem.ts'
import { listOf, ruleId } from './schema.ts'
import type { Rule } from './schema.ts'
import { DEFAULT_METHOD } from './tool-name.ts'

const BUDGET = 30_000_000
/** Patterns of tool names that a rule's tools are compared with, and rules of one place that it is. */
const MAX_COMPARED = 50
/** A rule of more tools is not looked at. */
const MAX_TOOLS = 50

type Entry = { rule: Rule; id: string; methods: readonly string[] }
type Found = { entry: Entry; implied: Implied }

export function shadowedRules(rules: readonly Rule[]): Problem[] {
  const problems: Problem[] = []
  const search: Search = { budget: { left: BUDGET }, exact: new Map(), globs: new Map() }
  rules.forEach((rule, i) => {
    const entry = { rule, id: ruleId(rule, i), methods: listOf(rule.method ?? DEFAULT_METHOD) }
    const found = ruleAbove(search, entry)
    if (found !== undefined) problems.push(shadowed(entry, found, i))
    // What one above always decides, that one also decides for whatever this one would cover.
    if (found?.implied !== 'yes') add(search, entry)
  })
  return problems
}

function shadowed({ rule, id }: Entry, { entry: above, implied }: Found, index: number): Problem {
  if (implied === 'but_empty') {
    const message = `The rule \`${id}\` decides nothing but calls that touch no stored data or name no field of it: \`${above.id}\` above it denies all others.`
    return warning(['rules', index], 'shadowed_rule', message, `move it above \`${above.id}\`, or remove it`)
  }
  const brings = rule.limits !== undefined || (rule.redact ?? []).length > 0
  if (above.rule.decision === 'ask' && rule.decision !== 'deny' && brings) {
    const message = `The rule \`${id}\` never decides: \`${above.id}\` above it always asks. Its limits and redactions count all the same.`
    return warning(['rules', index], 'shadowed_rule', message, `write them into \`${above.id}\``)
  }
  const message = `The rule \`${id}\` never decides: \`${above.id}\` above it always does.`
  return warning(['rules', index], 'shadowed_rule', message, `remove it, or move it above \`${above.id}\``)
}

type Search = {
  budget: Budget
  /** By names of tools, and by patterns of them. */
  exact: Map<string, Place>
  globs: Map<string, Place>
}

/** The rule above that decides whatever this one would, of several tools the first one's. */
function ruleAbove(search: Search, entry: Entry): Found | undefined {
  const tools = listOf(entry.rule.tool)
  if (tools.length > MAX_TOOLS) return undefined
  let weakest: Found | undefined
  for (const tool of tools) {
    const found = aboveFor(search, tool, entry)
    if (found === undefined) return undefined
    if (weakest === undefined || found.implied === 'but_empty') weakest = found
  }
  return weakest
}

function aboveFor(search: Search, tool: string, entry: Entry): Found | undefined {
  let partly: Found | undefined
  for (const above of candidates(search, tool, entry.rule)) {
    if (!entry.methods.every((method) => above.methods.some((each) => covers(each, method)))) continue
    if (search.budget.left <= 0) return undefined
    const implied = decidesFirst(above.rule, entry.rule, search.budget)
    if (implied === 'yes') return { entry: above, implied }
    if (implied === 'but_empty') partly ??= { entry: above, implied }
  }
  return partly
}

function* candidates({ budget, exact, globs }: Search, tool: string, rule: Rule): Generator<Entry> {
  const place = exact.get(tool)
  if (place !== undefined) yield* covering(place, rule)
  for (const [glob, each] of globs) {
    if (spend(budget, glob, tool) && covers(glob, tool)) yield* covering(each, rule)
  }
}

function add({ exact, globs }: Search, entry: Entry): void {
  for (const tool of new Set(listOf(entry.rule.tool))) {
    const places = isGlob(tool) ? globs : exact
    let place = places.get(tool)
    if (place === undefined) {
      if (isGlob(tool) && places.size >= MAX_COMPARED) continue
      places.set(tool, (place = { rules: new Map(), prefixLengths: new Set() }))
    }
    addTo(place, entry)
  }
}

/** Rules of one tool, by what they list. */
type Place = { rules: Map<string, Entry[]>; prefixLengths: Set<number> }

function addTo(place: Place, entry: Entry): void {
  for (const key of keysOf(place, entry.rule)) {
    const rules = place.rules.get(key)
    if (rules === undefined) place.rules.set(key, [entry])
    else if (rules.length < MAX_COMPARED) rules.push(entry)
  }
}

function keysOf(place: Place, rule: Rule): string[] {
  if (isUnconditional(rule)) return ['all']
  const { resources, path_prefix } = rule.conditions ?? {}
  const same = sameKey(rule)
  if (resources !== undefined) {
    return [same, ...new Set(listOf(resources).map((glob) => resourceKey(place, glob)))]
  }
  if (path_prefix === undefined) return [same, 'other']
  return [same, ...listOf(path_prefix).map((path) => `folder ${folderOf(path)}`)]
}

function sameKey({ conditions }: Rule): string {
  return `same ${JSON.stringify(conditions)}`
}

function resourceKey(place: Place, glob: string): string {
  const folded = foldCase(glob)
  if (!isGlob(folded)) return `resource ${folded}`
  const prefix = literalPrefix(folded)
  if (prefix === '') return 'other'
  place.prefixLengths.add(prefix.length)
  return `prefix ${prefix}`
}

/** Those that may decide whatever a rule would. */
function* covering({ rules, prefixLengths }: Place, rule: Rule): Generator<Entry> {
  const { resources, path_prefix } = rule.conditions ?? {}
  yield* rules.get('all') ?? []
  yield* rules.get(sameKey(rule)) ?? []
  const [resource] = listOf(resources ?? [])
  if (resource !== undefined) {
    const name = foldCase(resource)
    yield* rules.get(`resource ${name}`) ?? []
    for (const length of prefixLengths) {
      if (length <= name.length) yield* rules.get(`prefix ${name.slice(0, length)}`) ?? []
    }
  }
  const [path] = listOf(path_prefix ?? [])
  if (path !== undefined) {
    for (const folder of foldersOf(folderOf(path))) yield* rules.get(`folder ${folder}`) ?? []
  }
  yield* rules.get('other') ?? []
}

function folderOf(text: string): string {
  const read = readPathPrefix(text)
  return 'prefix' in read ? read.prefix : text
}
