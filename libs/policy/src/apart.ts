// Whether two rules can never speak of the same call, as far as the documents show it. May say no where the answer is
// yes, never the other way round: what is left out of a comparison for being apart must be.
import type { Conditions } from './conditions-schema.ts'
import { foldCase, globMatcher, isGlob, literalPrefix } from './globs.ts'
import { spend } from './implication.ts'
import type { Budget } from './implication.ts'
import { readPathPrefix } from './path-prefix.ts'
import { listOf } from './schema.ts'
import type { Rule } from './schema.ts'

/** Whether some name may match both patterns. */
export function mayOverlap(one: string, other: string): boolean {
  if (!isGlob(one)) return globMatcher(other)(one)
  if (!isGlob(other)) return globMatcher(one)(other)
  const [start, begin] = [literalPrefix(one), literalPrefix(other)]
  if (!start.startsWith(begin) && !begin.startsWith(start)) return false
  const [end, finish] = [literalSuffix(one), literalSuffix(other)]
  return end.endsWith(finish) || finish.endsWith(end)
}

function literalSuffix(pattern: string): string {
  return pattern.slice(Math.max(pattern.lastIndexOf('*'), pattern.lastIndexOf('?')) + 1)
}

/** No call that `opening`, an allow or ask rule, holds for is one that `other` may hold for. */
export function areApart(opening: Rule, other: Rule, budget: Budget): boolean {
  const [held, wide] = [opening.conditions ?? {}, other.conditions ?? {}]
  return (
    testAnotherKind(held, wide) ||
    operationsApart(held, wide) ||
    foldersApart(held, wide, budget) ||
    globsApart(held.connection, wide.connection, asIs, budget) ||
    // What touches no stored data lies inside every list of an allow rule.
    (other.decision !== 'allow' && globsApart(held.resources, wide.resources, foldCase, budget)) ||
    SINGLE.some((name) => globsApart(held[name], wide[name], asIs, budget))
  )
}

const SINGLE = ['environment', 'key', 'agent', 'user'] as const
const KINDS = [
  ['path_prefix'],
  ['allowed_domains', 'blocked_domains'],
  ['connection', 'operations', 'resources', 'fields', 'functions'],
] as const

/** A rule that tests a kind does not hold for calls with facts of another; one that tests that kind needs some. */
function testAnotherKind(held: Conditions, wide: Conditions): boolean {
  const tests = (conditions: Conditions) =>
    KINDS.map((names) => names.some((name) => conditions[name] !== undefined))
  const [own, others] = [tests(held), tests(wide)]
  return own.some(Boolean) && others.some((tested, kind) => tested && own[kind] !== true)
}

function operationsApart({ operations: held }: Conditions, { operations: wide }: Conditions): boolean {
  if (held === undefined || wide === undefined) return false
  return listOf(held).every((each) => !listOf(wide).includes(each))
}

function foldersApart(
  { path_prefix: held }: Conditions,
  { path_prefix: wide }: Conditions,
  budget: Budget,
): boolean {
  if (held === undefined || wide === undefined) return false
  const folders = listOf(wide).map(folder)
  return listOf(held)
    .map(folder)
    .every((one) =>
      folders.every((other) => spend(budget, one, other) && !isWithin(one, other) && !isWithin(other, one)),
    )
}

const isWithin = (path: string, outer: string) => path === outer || path.startsWith(`${outer}/`)

function folder(text: string): string {
  const read = readPathPrefix(text)
  return 'prefix' in read ? read.prefix : ''
}

type Globs = string | readonly string[] | undefined

function globsApart(held: Globs, wide: Globs, reading: (name: string) => string, budget: Budget): boolean {
  if (held === undefined || wide === undefined) return false
  const others = listOf(wide).map(reading)
  return listOf(held)
    .map(reading)
    .every((one) => others.every((other) => spend(budget, one, other) && !mayOverlap(one, other)))
}

function asIs(name: string): string {
  return name
}
