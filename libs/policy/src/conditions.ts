// A rule's conditions as tests. Each test comes in two readings: `strict` for whether the rule holds (byte for byte,
// every member), and `wide` for whether it may hold (without regard to case, one member is enough). Whatever is
// strictly true is widely true or unknown, never false.
import { closes, opens, readDomain } from './domains.ts'
import type { DomainEntry } from './domains.ts'
import type { Access, Context, Facts, Operation, UrlFact } from './facts.ts'
import { anyGlob, foldCase, literalPrefix, matchesAll } from './globs.ts'
import type { Matcher } from './globs.ts'
import { FALSE, TRUE, UNKNOWN, known, not, and } from './kleene.ts'
import type { Kleene } from './kleene.ts'
import { parameterTest } from './parameters.ts'
import { insideAny, readPathPrefix } from './path-prefix.ts'
import { listOf } from './schema.ts'
import type { Conditions } from './conditions-schema.ts'
import type { DecisionWord } from './schema.ts'
import { readTime, readTimeWindow } from './time-window.ts'
import { areArgumentsUnknown } from './unknown-facts.ts'

export type ConditionName = keyof Conditions

/** A condition on one fact of a kind. Facts are taken as they come: what is not of its type is unknown. */
export type FactTest = {
  condition: ConditionName
  strict(fact: unknown): Kleene
  wide(fact: unknown): Kleene
  /** Names the access's own field or function that is listed (`wide`) or not (`strict`), to tell a person. */
  member?(fact: unknown, reading: 'strict' | 'wide'): string | undefined
}

/** A condition on the rest of the call. */
export type CallTest = {
  condition: ConditionName
  /** The argument's path, for `parameters`. */
  argument?: string
  strict(facts: Facts, context: Context): Kleene
  wide(facts: Facts, context: Context): Kleene
}

export type Tests = {
  paths: readonly FactTest[]
  urls: readonly FactTest[]
  accesses: readonly FactTest[]
  call: readonly CallTest[]
}

/** `patternUnits` is how long a text may be that the policy's patterns are held against. */
export function compileConditions(
  conditions: Conditions,
  decision: DecisionWord,
  patternUnits: number,
): Tests {
  return {
    paths: orNone(pathTests(conditions)),
    urls: orNone(urlTests(conditions, decision)),
    accesses: orNone(accessTests(conditions, decision)),
    call: orNone([...contextTests(conditions), ...parameterTests(conditions, decision, patternUnits)]),
  }
}

// Most rules test one kind: the others share one empty list, which stays in the processor's cache.
const NONE: readonly never[] = []

function orNone<Test>(tests: readonly Test[]): readonly Test[] {
  return tests.length === 0 ? NONE : tests
}

function same(condition: ConditionName, test: (fact: unknown) => Kleene): FactTest {
  return { condition, strict: test, wide: test }
}

function pathTests({ path_prefix }: Conditions): FactTest[] {
  if (path_prefix === undefined) return []
  const prefixes = listOf(path_prefix).map((text) => {
    const read = readPathPrefix(text)
    if ('problem' in read) throw new Error(`path_prefix ${read.problem}`)
    return read.prefix
  })
  return [same('path_prefix', insideAny(prefixes))]
}

function urlTests({ allowed_domains, blocked_domains }: Conditions, decision: DecisionWord): FactTest[] {
  const tests: FactTest[] = []
  if (allowed_domains !== undefined) {
    const entries = readDomains(allowed_domains)
    tests.push(
      same(
        'allowed_domains',
        onUrl((url) => known(entries.some((entry) => opens(entry, url)))),
      ),
    )
  }
  if (blocked_domains !== undefined) {
    const entries = readDomains(blocked_domains)
    const blocked = onUrl((url) => known(entries.some((entry) => closes(entry, url))))
    tests.push(same('blocked_domains', decision === 'deny' ? blocked : (url) => not(blocked(url))))
  }
  return tests
}

export function readDomains(entries: string | readonly string[]): DomainEntry[] {
  return listOf(entries).map((text) => {
    const read = readDomain(text)
    if ('problem' in read) throw new Error(`A domain ${read.problem}.`)
    return read
  })
}

function onUrl(test: (url: UrlFact) => Kleene): (fact: unknown) => Kleene {
  return (fact) => {
    const { scheme, host, port } = (fact ?? {}) as Partial<UrlFact>
    const isKnown = typeof host === 'string' && typeof scheme === 'string' && typeof port === 'number'
    return isKnown ? test(fact as UrlFact) : UNKNOWN
  }
}

function accessTests(conditions: Conditions, decision: DecisionWord): FactTest[] {
  const { connection, operations, resources, fields, functions } = conditions
  const tests: FactTest[] = []
  if (connection !== undefined) tests.push(connectionTest(listOf(connection)))
  if (operations !== undefined) tests.push(operationsTest(listOf(operations)))
  if (resources !== undefined) tests.push(resourcesTest(listOf(resources), decision))
  if (fields !== undefined) tests.push(membersTest('fields', listOf(fields), decision))
  if (functions !== undefined) tests.push(membersTest('functions', listOf(functions), decision))
  return tests
}

function connectionTest(globs: readonly string[]): FactTest {
  const matches = anyGlob(globs)
  return same('connection', (fact) => {
    const { connection } = asAccess(fact)
    return typeof connection === 'string' ? known(matches(connection)) : UNKNOWN
  })
}

const OPERATIONS: readonly unknown[] = ['read', 'write', 'schema', 'admin'] satisfies Operation[]

// There are fifteen lists of operations: rules share them.
const operationsTests = new Map<string, FactTest>()

function operationsTest(operations: readonly Operation[]): FactTest {
  const key = OPERATIONS.filter((each) => operations.includes(each as Operation)).join()
  let test = operationsTests.get(key)
  if (test === undefined) operationsTests.set(key, (test = newOperationsTest(operations)))
  return test
}

function newOperationsTest(operations: readonly unknown[]): FactTest {
  return same('operations', (fact) => {
    const { operation } = asAccess(fact)
    if (operations.includes(operation)) return TRUE
    return OPERATIONS.includes(operation) ? FALSE : UNKNOWN
  })
}

function resourcesTest(globs: readonly string[], decision: DecisionWord): FactTest {
  const exactly = anyGlob(globs)
  const inAnyCase = anyGlob(globs.map(foldCase))
  // No stored data lies inside every list that opens. A list that closes or asks speaks of it only when it
  // speaks of everything.
  const none = known(decision === 'allow' || globs.some(matchesAll))
  const test = (fact: unknown, matches: Matcher, reading: (name: string) => string): Kleene => {
    const { resource } = asAccess(fact)
    if (typeof resource === 'string') return known(matches(reading(resource)))
    return resource === null ? none : UNKNOWN
  }
  return {
    condition: 'resources',
    strict: (fact) => test(fact, exactly, asWritten),
    wide: (fact) => test(fact, inAnyCase, foldCase),
  }
}

function asWritten(name: string): string {
  return name
}

function membersTest(
  condition: 'fields' | 'functions',
  globs: readonly string[],
  decision: DecisionWord,
): FactTest {
  const qualify = condition === 'fields'
  const strict = { test: memberTest(anyGlob(globs), qualify), reading: asWritten }
  const folded = globs.map(foldCase)
  const matches = anyGlob(folded)
  // A document's field that comes whole brings what lies in it: `payment` is touched with `payment.card`.
  const prefixes = qualify ? folded.map(literalPrefix).filter((prefix) => prefix.includes('.')) : []
  const brings = (name: string) => prefixes.some((prefix) => prefix.startsWith(`${name}.`))
  const touches = prefixes.length === 0 ? matches : (name: string) => matches(name) || brings(name)
  const wide = { test: memberTest(touches, qualify), reading: foldCase }
  const noMembers = known(decision !== 'deny')
  const members = (fact: unknown) => {
    const listed: unknown = asAccess(fact)[condition]
    return Array.isArray(listed) ? (listed as unknown[]) : undefined
  }
  return {
    condition,
    strict(fact) {
      let result: Kleene = TRUE
      for (const member of members(fact) ?? [undefined]) {
        result = and(result, strict.test(member, asAccess(fact).resource, strict.reading))
      }
      return result
    },
    wide(fact) {
      const listed = members(fact)
      if (listed?.length === 0) return noMembers
      let result: Kleene = FALSE
      for (const member of listed ?? [undefined]) {
        const one = wide.test(member, asAccess(fact).resource, wide.reading)
        if (one > result) result = one
      }
      return result
    },
    member(fact, reading) {
      const { test, reading: read } = reading === 'strict' ? strict : wide
      const wanted = reading === 'strict' ? FALSE : TRUE
      const found = members(fact)?.find((each) => test(each, asAccess(fact).resource, read) === wanted)
      return typeof found === 'string' ? found : undefined
    },
  }
}

type MemberTest = (member: unknown, resource: unknown, reading: (name: string) => string) => Kleene

/** A field is known by its own name, with its resource's, and with the last part of its resource's. */
function memberTest(matches: Matcher, qualify: boolean): MemberTest {
  return (member, resource, reading) => {
    if (typeof member !== 'string') return UNKNOWN
    const name = reading(member)
    if (matches(name)) return TRUE
    if (!qualify || resource === null) return FALSE
    if (typeof resource !== 'string') return UNKNOWN
    const table = reading(resource)
    if (matches(`${table}.${name}`)) return TRUE
    const dot = table.lastIndexOf('.')
    return known(dot !== -1 && matches(`${table.slice(dot + 1)}.${name}`))
  }
}

const NOTHING_KNOWN: { [Attribute in keyof Access]?: never } = {}

function asAccess(fact: unknown): { [Attribute in keyof Access]?: unknown } {
  return typeof fact === 'object' && fact !== null ? fact : NOTHING_KNOWN
}

const CONTEXT_CONDITIONS = ['environment', 'key', 'labels', 'agent', 'user', 'groups'] as const

function contextTests(conditions: Conditions): CallTest[] {
  const tests: CallTest[] = []
  for (const condition of CONTEXT_CONDITIONS) {
    const globs = conditions[condition]
    if (globs === undefined) continue
    const matches = anyGlob(listOf(globs))
    tests.push(sameOfCall(condition, (_facts, context) => contextMatches(context[condition], matches)))
  }
  if (conditions.time !== undefined) {
    const window = readTimeWindow(conditions.time)
    if ('problem' in window) throw new Error(`time ${window.problem}`)
    tests.push(
      sameOfCall('time', (_facts, context) => {
        const epochMs = readTime(context.time)
        return epochMs === undefined ? UNKNOWN : known(window.inside(epochMs))
      }),
    )
  }
  return tests
}

function sameOfCall(condition: ConditionName, test: CallTest['strict']): CallTest {
  return { condition, strict: test, wide: test }
}

function contextMatches(value: unknown, matches: Matcher): Kleene {
  if (typeof value === 'string') return known(matches(value))
  if (!Array.isArray(value)) return UNKNOWN
  const names = value.filter((each) => typeof each === 'string')
  if (names.some(matches)) return TRUE
  return names.length === value.length ? FALSE : UNKNOWN
}

function parameterTests(
  { parameters }: Conditions,
  decision: DecisionWord,
  patternUnits: number,
): CallTest[] {
  return Object.entries(parameters ?? {}).map(([argument, constraint]) => {
    const test = (several: 'every' | 'some', noItems: Kleene) =>
      parameterTest(argument, constraint, { several, noItems }, patternUnits)
    const every = test('every', TRUE)
    const some = test('some', known(decision !== 'deny'))
    return {
      condition: 'parameters',
      argument,
      strict: ({ arguments: args }) => (areArgumentsUnknown(args) ? UNKNOWN : every(args)),
      wide: ({ arguments: args }) => (areArgumentsUnknown(args) ? UNKNOWN : some(args)),
    }
  })
}

/** Which kinds of facts the conditions test. */
export function testsKinds({ paths, urls, accesses }: Tests): boolean {
  return paths.length + urls.length + accesses.length > 0
}
