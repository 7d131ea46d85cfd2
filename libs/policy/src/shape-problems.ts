// What the schema finds wrong, in words for the person who wrote the document.
import type { z } from 'zod'
import { Conditions, Constraint, TimeWindow } from './conditions-schema.ts'
import { Limits, RateLimit } from './limits-schema.ts'
import { Policy, PolicyTest, Rule } from './schema.ts'
import type { DiagnosticCode } from './diagnostic-codes.ts'
import { error } from './problem.ts'
import type { Problem } from './problem.ts'
import type { JsonPath } from './yaml-document.ts'

type Issue = z.core.$ZodIssue

/** More would help nobody, and finding the place of each takes time. */
const MAX_ISSUES = 100

export function shapeProblems(issues: readonly Issue[], document: unknown): Problem[] {
  return issues.slice(0, MAX_ISSUES).flatMap((issue) => problemsOf(issue, issue.path as JsonPath, document))
}

function problemsOf(issue: Issue, path: JsonPath, document: unknown): Problem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.slice(0, MAX_ISSUES).map((key) => unknownKey(path, key))
  if (issue.code === 'invalid_union') {
    return likeliestBranch(issue.errors, valueAt(document, path)).flatMap((inner) =>
      problemsOf(inner, [...path, ...inner.path] as JsonPath, document),
    )
  }
  const name = nameOf(path)
  const value = valueAt(document, path)
  if (value === undefined && issue.code !== 'custom') {
    return [error(path, 'missing_key', `${name} is required.`, `add ${name}`)]
  }
  const code =
    issue.code === 'too_big' && path.length === 1 && path[0] === 'rules'
      ? 'too_many_rules'
      : CODES[issue.code]
  const fix = issue.code === 'invalid_value' ? nearest(issue.values.map(String), value) : undefined
  return [error(path, code ?? 'wrong_value', `${name} ${faultOf(issue, value)}.`, fix)]
}

function nearest(names: readonly string[], value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const near = names.find((each) => distance(each, value.toLowerCase()) <= 2)
  return near === undefined ? undefined : `write ${near}`
}

const MAX_LISTED = 8

const CODES: Partial<Record<Issue['code'], DiagnosticCode>> = { invalid_type: 'wrong_type' }

function faultOf(issue: Issue, value: unknown): string {
  if (issue.code === 'invalid_type') return `must be ${withArticle(issue.expected)}, not ${inWords(value)}`
  if (issue.code === 'invalid_value')
    return `must be ${oneOf(issue.values.map(String))}, not ${inWords(value)}`
  if (issue.code === 'too_big') return `must have at most ${issue.maximum}${unitOf(issue.origin)}`
  if (issue.code === 'too_small') {
    return issue.origin === 'number' || issue.origin === 'int'
      ? `must be at least ${issue.minimum}`
      : 'must not be empty'
  }
  return issue.message
}

function oneOf(names: readonly string[]): string {
  return names.length <= MAX_LISTED ? names.join(' or ') : `one of the ${names.length} known names`
}

function unitOf(origin: string): string {
  if (origin === 'array') return ' entries'
  return origin === 'string' ? ' characters' : ''
}

function withArticle(type: string): string {
  if (type === 'record' || type === 'object') return 'a map of keys'
  if (type === 'array') return 'a list'
  return type === 'int' ? 'a whole number' : `a ${type}`
}

function inWords(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map of keys'
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  return `the ${typeof value} ${JSON.stringify(value)}`
}

/** The branch of a union that was meant: one of the value's own shape, of these the one with fewest faults. */
function likeliestBranch(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] {
  const isScalar = typeof value !== 'object' || value === null
  const fitting = branches.filter((issues) => !issues.some((each) => isOtherShape(each, isScalar)))
  const [first = [], ...others] = fitting.length > 0 ? fitting : branches
  return others.reduce((best, next) => (faults(next) < faults(best) ? next : best), first)
}

function isOtherShape(issue: Issue, isScalar: boolean): boolean {
  if (issue.path.length > 0) return false
  return issue.code === 'invalid_type' || (issue.code === 'invalid_value' && !isScalar)
}

function faults(issues: readonly Issue[]): number {
  return issues.reduce((sum, each) => sum + (each.code === 'unrecognized_keys' ? each.keys.length : 1), 0)
}

const WHERE: [suffix: (string | number)[], keys: string[], what: string][] = [
  [['conditions'], Object.keys(Conditions.shape), 'condition'],
  [['rate_limit'], Object.keys(RateLimit.shape), 'key'],
  [['limits'], Object.keys(Limits.shape), 'limit'],
  [['time'], Object.keys(TimeWindow.shape), 'key'],
]

function unknownKey(path: JsonPath, key: string): Problem {
  const [, keys, what] = WHERE.find(([[last]]) => path.at(-1) === last) ?? [[], keysAt(path), 'key']
  const near =
    keys.find((each) => distance(each, key) <= 2) ??
    keys.find((each) => each.includes(key) || key.includes(each))
  const place = path.length === 0 ? '' : ` in ${nameOf(path)}`
  const message = `There is no ${what} \`${key.slice(0, 60)}\`${place}.`
  const code = what === 'condition' ? 'unknown_condition' : 'unknown_key'
  return {
    ...error([...path, key], code, message, near === undefined ? undefined : `write ${near}`),
    part: 'key',
  }
}

function keysAt(path: JsonPath): string[] {
  if (path.length === 0) return Object.keys(Policy.shape)
  if (path.length === 2 && path[0] === 'rules') return Object.keys(Rule.shape)
  if (path.length === 2 && path[0] === 'tests') return Object.keys(PolicyTest.shape)
  return path.at(-2) === 'parameters' ? Object.keys(Constraint.shape) : []
}

function nameOf(path: JsonPath): string {
  const names = path.filter((step, i) => typeof step === 'string' || i === path.length - 1)
  if (names.length === 0) return 'The document'
  const last = names.at(-1)
  if (typeof last === 'number') return `entry ${last + 1} of \`${String(path.at(-2) ?? '')}\``
  return `\`${String(last).slice(0, 60)}\``
}

function valueAt(document: unknown, path: JsonPath): unknown {
  let value = document
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}

/** Levenshtein's, of short words. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 3
}
