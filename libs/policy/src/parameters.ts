// The `parameters` condition: a subset of JSON Schema about one argument. A value of the wrong type is unknown; a
// missing one is false unless it is not required.
import type { JsonValue } from './facts.ts'
import { formatTest } from './formats.ts'
import { FALSE, TRUE, UNKNOWN, and, every, known, some } from './kleene.ts'
import type { Kleene } from './kleene.ts'
import { MAX_TESTED_UNITS, readPattern, unitsTested } from './patterns.ts'
import { listOf } from './schema.ts'
import type { Constraint } from './conditions-schema.ts'

/**
 * How several values count together. `every`: all of them (a rule that holds). `some`: one is enough (a rule that
 * may hold). Of no items, the constraint is true where the rule opens, and false where it closes.
 */
export type Quantifier = { several: 'every' | 'some'; noItems: Kleene }

type ValueTest = (value: JsonValue) => Kleene

/** A list of more elements is not tested but unknown: ten thousand rules may speak of it. */
const MAX_TESTED_ELEMENTS = 10_000

/** `maxUnits` is how long a text may be that a pattern is held against; more than that is unknown. */
export function parameterTest(
  path: string,
  constraint: Constraint,
  quantifier: Quantifier,
  maxUnits = MAX_TESTED_UNITS,
): ValueTest {
  const keys = path.split('.')
  const test = constraintTest(constraint, quantifier)
  const missing = known(constraint.required === false)
  const patterns = patternsOf(constraint)
  const units = Math.min(maxUnits, ...patterns.map(unitsTested))
  return (args) => {
    // Many short texts take as long as one that has them all.
    if (patterns.length > 0 && unitsAt(args, keys, 0) > units) return UNKNOWN
    return testAt(args, keys, 0, test, missing, quantifier)
  }
}

/** Every pattern of a constraint. */
export function patternsOf({ pattern, items }: ItemConstraint): string[] {
  return [...(pattern === undefined ? [] : [pattern]), ...(items === undefined ? [] : patternsOf(items))]
}

/** How much text a path reaches. */
function unitsAt(value: JsonValue | undefined, keys: readonly string[], depth: number): number {
  if (typeof value === 'string') return depth >= keys.length ? value.length : 0
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + unitsAt(item, keys, depth), 0)
  const key = keys[depth]
  if (typeof value !== 'object' || value === null || key === undefined) return 0
  return Object.hasOwn(value, key) ? unitsAt(value[key], keys, depth + 1) : 0
}

function testAt(
  value: JsonValue,
  keys: readonly string[],
  depth: number,
  test: ValueTest,
  missing: Kleene,
  quantifier: Quantifier,
): Kleene {
  if (depth === keys.length) return test(value)
  if (Array.isArray(value)) {
    if (value.length === 0) return missing
    if (value.length > MAX_TESTED_ELEMENTS) return UNKNOWN
    const quantify = quantifier.several === 'every' ? every : some
    return quantify(value, (item) => testAt(item, keys, depth, test, missing, quantifier))
  }
  if (value === null || typeof value !== 'object') return UNKNOWN
  const key = keys[depth] ?? ''
  const next = Object.hasOwn(value, key) ? value[key] : undefined
  return next === undefined ? missing : testAt(next, keys, depth + 1, test, missing, quantifier)
}

type ItemConstraint = Omit<Constraint, 'items' | 'required'> & { items?: ItemConstraint | undefined }

function constraintTest(constraint: ItemConstraint, quantifier: Quantifier): ValueTest {
  const tests = constraintTests(constraint, quantifier)
  return (value) => {
    let result: Kleene = TRUE
    for (const test of tests) result = and(result, test(value))
    return result
  }
}

function constraintTests(constraint: ItemConstraint, quantifier: Quantifier): ValueTest[] {
  const tests: ValueTest[] = []
  const { type, enum: values, pattern, format, minLength, maxLength, minimum, maximum, items } = constraint
  if (type !== undefined) {
    const types = listOf(type)
    tests.push((value) => (types.some((each) => isOfType(value, each)) ? TRUE : UNKNOWN))
  }
  if (values !== undefined) tests.push(oneOf(values))
  if (constraint.const !== undefined) tests.push(oneOf([constraint.const]))
  if (pattern !== undefined) tests.push(onText(patternTest(pattern)))
  if (format !== undefined) tests.push(onText((value) => known(formatTest(format)(value))))
  if (minLength !== undefined) tests.push(onText((value) => known(lengthOf(value) >= minLength)))
  if (maxLength !== undefined) tests.push(onText((value) => known(lengthOf(value) <= maxLength)))
  if (minimum !== undefined) tests.push(onNumber((value) => known(value >= minimum)))
  if (maximum !== undefined) tests.push(onNumber((value) => known(value <= maximum)))
  if (items !== undefined) {
    const test = constraintTest(items, quantifier)
    const quantify = quantifier.several === 'every' ? every : some
    tests.push((value) => {
      if (!Array.isArray(value) || value.length > MAX_TESTED_ELEMENTS) return UNKNOWN
      return value.length === 0 ? quantifier.noItems : quantify(value, test)
    })
  }
  return tests
}

function onText(test: (value: string) => Kleene): ValueTest {
  return (value) => (typeof value === 'string' ? test(value) : UNKNOWN)
}

function onNumber(test: (value: number) => Kleene): ValueTest {
  return (value) => (typeof value === 'number' && !Number.isNaN(value) ? test(value) : UNKNOWN)
}

function patternTest(pattern: string): (value: string) => Kleene {
  const read = readPattern(pattern)
  if (read.problem !== undefined) throw new Error(`The pattern ${read.problem}.`)
  return read.test
}

/** Characters, as JSON Schema counts them. */
function lengthOf(value: string): number {
  let length = 0
  for (const _ of value) length++
  return length
}

/** False only for a value of the type of one listed; another type is unknown. */
function oneOf(values: readonly JsonValue[]): ValueTest {
  const types = new Set(values.map(typeOf))
  return (value) => {
    if (values.some((each) => isEqual(each, value))) return TRUE
    return types.has(typeOf(value)) ? FALSE : UNKNOWN
  }
}

function typeOf(value: JsonValue): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function isOfType(value: JsonValue, type: string): boolean {
  return type === 'integer' ? Number.isInteger(value) : typeOf(value) === type
}

function isEqual(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  const [left, right] = [a as Record<string, JsonValue>, b as Record<string, JsonValue>]
  return keys.every(
    (key) => Object.hasOwn(right, key) && isEqual(left[key] as JsonValue, right[key] as JsonValue),
  )
}
