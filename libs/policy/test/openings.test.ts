import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../src/compile.ts'
import { decide } from '../src/decide.ts'
import type { Facts } from '../src/facts.ts'
import { openingsOf } from '../src/openings.ts'
import type { Opening } from '../src/openings.ts'
import { policyChanges } from '../src/policy-changes.ts'
import { isAt } from '../src/spots.ts'
import { parsePolicy } from '../src/parse.ts'
import { probesOf } from '../src/probes.ts'
import type { Decision, Obligations, Policy, Rule } from '../src/schema.ts'
import { calls, contexts, policies, ruleOf } from './generate.ts'

const RUNS = { numRuns: Math.ceil(Number(process.env['LAWS_RUNS'] ?? 800) / 2) }
const ORDER = { deny: 0, ask: 1, allow: 2 }

type Step =
  | { do: 'remove' | 'loosen'; at: number }
  | { do: 'move'; at: number; to: number }
  | { do: 'add' | 'replace'; at: number; rule: Rule }
  | { do: 'decide'; at: number; decision: Rule['decision'] }
  | { do: 'default'; to: 'allow' | 'deny' }

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('remove', 'loosen'), at: fc.nat() }),
  fc.record({ do: fc.constant('move' as const), at: fc.nat(), to: fc.nat() }),
  fc.record({ do: fc.constantFrom('add', 'replace'), at: fc.nat(), rule: ruleOf() }),
  fc.record({
    do: fc.constant('decide' as const),
    at: fc.nat(),
    decision: fc.constantFrom('allow', 'deny', 'ask'),
  }),
  fc.record({ do: fc.constant('default' as const), to: fc.constantFrom('allow', 'deny') }),
)

/** The policy with one thing done to it, as somebody who edits it would. */
function edited(policy: Policy, step: Step): Policy {
  if (step.do === 'default') return { ...policy, default: step.to }
  const rules = structuredClone(policy.rules ?? [])
  const at = step.at % (rules.length + (step.do === 'add' ? 1 : 0) || 1)
  if (step.do === 'add') rules.splice(at, 0, step.rule)
  else if (step.do === 'replace') rules.splice(at, 1, step.rule)
  else if (step.do === 'remove') rules.splice(at, 1)
  else if (step.do === 'move') rules.splice(step.to % (rules.length || 1), 0, ...rules.splice(at, 1))
  else if (rules[at] !== undefined) {
    if (step.do === 'decide') {
      rules[at] = {
        tool: rules[at].tool,
        decision: step.decision,
        ...conditionsFor(rules[at], step.decision),
      }
    } else {
      delete rules[at].limits
      delete rules[at].redact
    }
  }
  return { ...policy, rules }
}

function conditionsFor({ conditions = {} }: Rule, decision: Rule['decision']): Pick<Rule, 'conditions'> {
  const { allowed_domains: _, ...rest } = conditions
  return { conditions: decision === 'deny' ? rest : conditions }
}

const pairs: fc.Arbitrary<[Policy, Policy]> = fc.oneof(fc.tuple(policies, policies), {
  weight: 5,
  arbitrary: fc
    .tuple(policies, fc.array(steps, { minLength: 1, maxLength: 3 }))
    .map(([policy, all]): [Policy, Policy] => [policy, all.reduce(edited, policy)]),
})

/** Rules of the organisation may stand above both. */
const above = fc.option(
  fc.array(ruleOf(['deny', 'ask']), { maxLength: 3 }).map((rules): Policy => ({ version: 1, rules })),
  { nil: undefined, freq: 3 },
)

function openings(before: Policy, after: Policy, organization?: Policy): Opening[] {
  const found = openingsOf({ policy: before, above: organization }, { policy: after, above: organization })
  expect(found.complete).toBe(true)
  return found.openings
}

const decideBoth = (before: Policy, after: Policy, organization: Policy | undefined) => {
  const options = organization === undefined ? {} : { above: organization }
  return [compile(before, options), compile(after, options)] as const
}

const about = (opening: Opening, { tool, method }: Facts) =>
  opening.spots.some((spot) => isAt(spot, tool, method))

describe(
  'for every two policies and every call',
  { timeout: 120_000 * Math.ceil(RUNS.numRuns / 400) },
  () => {
    test('what the second decides higher is among what it is said to open', () => {
      const several = fc.array(fc.tuple(calls, contexts), { minLength: 6, maxLength: 12 })
      let rises = 0
      fc.assert(
        fc.property(pairs, above, several, ([before, after], organization, all) => {
          const found = openings(before, after, organization)
          const [was, is] = decideBoth(before, after, organization)
          for (const [facts, context] of all) {
            const [one, other] = [decide(was, facts, context), decide(is, facts, context)]
            if (ORDER[other.decision] <= ORDER[one.decision]) continue
            rises++
            const told = found.filter(
              (each) =>
                'to' in each && about(each, facts) && (other.decision === 'ask' || each.to === 'allow'),
            )
            expect(told, `${one.decision} by ${one.rule} to ${other.decision} by ${other.rule}`).not.toEqual(
              [],
            )
          }
        }),
        RUNS,
      )
      // Else the law would have been tried on nothing.
      expect(rises).toBeGreaterThan(RUNS.numRuns / 8)
    })

    test('what goes through owing less is among what is said to be owed no more', () => {
      const several = fc.array(fc.tuple(calls, contexts), { minLength: 6, maxLength: 12 })
      let drops = 0
      fc.assert(
        fc.property(pairs, above, several, ([before, after], organization, all) => {
          const found = openings(before, after, organization)
          const [was, is] = decideBoth(before, after, organization)
          for (const [facts, context] of all) {
            const [one, other] = [decide(was, facts, context), decide(is, facts, context)]
            if (one.decision === 'deny' || other.decision === 'deny') continue
            const dropped = droppedOf(one, other)
            drops += dropped.length
            const told = found.flatMap((each) =>
              each.kind === 'owed' && about(each, facts) ? [each.owed.kind] : [],
            )
            for (const kind of dropped) expect(told).toContain(kind)
          }
        }),
        RUNS,
      )
      expect(drops).toBeGreaterThan(RUNS.numRuns / 20)
    })

    test('a policy opens nothing that it does not open itself, whatever its rules are called', () => {
      fc.assert(
        fc.property(policies, above, (policy, organization) => {
          const renamed = (policy.rules ?? []).map((rule, i) => ({ ...rule, id: `r${i}`, description: 'x' }))
          expect(openings(policy, structuredClone(policy), organization)).toEqual([])
          expect(openings(policy, { ...policy, rules: renamed }, organization)).toEqual([])
        }),
        { numRuns: RUNS.numRuns / 4 },
      )
    })

    test('a deny rule added anywhere opens nothing, nor does an allow rule taken away', () => {
      fc.assert(
        fc.property(policies, ruleOf(['deny']), fc.nat(), (policy, rule, at) => {
          expect(openings(policy, edited(policy, { do: 'add', at, rule }))).toEqual([])
          const rules = policy.rules ?? []
          const allows = rules.findIndex(
            ({ decision, limits, redact }) =>
              decision === 'allow' && limits === undefined && redact === undefined,
          )
          const less = { ...policy, rules: rules.filter((_, i) => i !== allows) }
          // What stood below it may now owe more, never less.
          expect(openings(policy, less)).toEqual([])
        }),
        { numRuns: RUNS.numRuns / 4 },
      )
    })
  },
)

/** Kinds of what the first decision owes and the second does not. */
function droppedOf({ obligations: one }: Decision, { obligations: other }: Decision): string[] {
  const dropped: string[] = []
  const limitKept = (limit: Obligations['rate_limits'][number]) =>
    other.rate_limits.some(
      (each) => each.by === limit.by && each.calls <= limit.calls && each.per_ms >= limit.per_ms,
    )
  if (!one.rate_limits.every(limitKept)) dropped.push('rate_limit')
  for (const bound of ['max_rows', 'max_bytes', 'timeout_ms'] as const) {
    if (one[bound] !== undefined && (other[bound] ?? Infinity) > one[bound]) dropped.push(bound)
  }
  const texts = other.redact.map((each) => JSON.stringify({ ...each, with: each.with ?? 'mask' }))
  const redactionKept = (each: Obligations['redact'][number]) =>
    [each.with ?? 'mask', 'drop'].some((how) => texts.includes(JSON.stringify({ ...each, with: how })))
  if (!one.redact.every(redactionKept)) dropped.push('redact')
  const detectors = (other.deny_arguments ?? []).map(({ detector }) => detector)
  if (!(one.deny_arguments ?? []).every(({ detector }) => detectors.includes(detector)))
    dropped.push('deny_arguments')
  return dropped
}

function policyOf(text: string): Policy {
  const { policy, diagnostics } = parsePolicy(`version: 1\n${text}`)
  if (policy === undefined) throw new Error(JSON.stringify(diagnostics))
  return policy
}

/** The kinds of what is opened, such as `rule to allow by r`. */
function opened(before: string, after: string): string[] {
  return openings(policyOf(before), policyOf(after)).map((each) => {
    if (each.kind === 'facts') return `facts of ${each.pattern}`
    if (each.kind === 'owed') return `${each.owed.kind} of ${each.rule.id}`
    const by = each.kind === 'order' ? ` of ${each.rule?.id ?? 'default'} past ${each.blocker.id}` : ''
    return `${each.kind} to ${each.to}${each.kind === 'rule' ? ` by ${each.rule.id}` : by}`
  })
}

const rule = (id: string, decision: string, conditions = '', more = '') =>
  `  - { id: ${id}, tool: postgres.query, decision: ${decision}, conditions: { ${conditions} }${more} }\n`

describe('an edit', () => {
  const reads = rule('reads', 'allow', 'operations: read, resources: "public.*"')
  const noSalaries = rule('no-hr', 'deny', 'resources: "hr.*"')
  const all = rule('all', 'allow', 'resources: "*"')

  test.for<[what: string, before: string, after: string, wanted: string[]]>([
    ['adds what may be read', 'rules: []', `rules:\n${reads}`, ['rule to allow by reads']],
    ['takes it away', `rules:\n${reads}`, 'rules: []', []],
    // To a rule that asks, blocked hosts are those that it leaves out.
    [
      'asks where it denied hosts',
      'default: allow\nrules:\n  - { id: web, tool: network.request, decision: deny, conditions: { blocked_domains: "*" } }',
      'default: allow\nrules:\n  - { id: web, tool: network.request, decision: ask, conditions: { blocked_domains: "*" } }',
      ['order to allow of default past web', 'rule to ask by web'],
    ],
    [
      'reads one table of them only',
      `rules:\n${reads}`,
      `rules:\n${rule('reads', 'allow', 'operations: read, resources: public.orders')}`,
      [],
    ],
    [
      'reads every table',
      `rules:\n${reads}`,
      `rules:\n${rule('reads', 'allow', 'operations: read, resources: "*"')}`,
      ['rule to allow by reads'],
    ],
    [
      'writes, too',
      `rules:\n${reads}`,
      `rules:\n${rule('reads', 'allow', 'operations: [read, write], resources: "public.*"')}`,
      ['rule to allow by reads'],
    ],
    [
      'takes a denial away',
      `rules:\n${noSalaries}${all}`,
      `rules:\n${all}`,
      ['order to allow of all past no-hr'],
    ],
    [
      'puts a denial below',
      `rules:\n${noSalaries}${all}`,
      `rules:\n${all}${noSalaries}`,
      ['order to allow of all past no-hr'],
    ],
    ['puts a denial above', `rules:\n${all}${noSalaries}`, `rules:\n${noSalaries}${all}`, []],
    [
      'asks in place of a denial',
      `rules:\n${noSalaries}${all}`,
      `rules:\n${rule('no-hr', 'ask', 'resources: "hr.*"')}${all}`,
      ['order to ask of no-hr past no-hr', 'order to ask of all past no-hr'],
    ],
    [
      'denies less',
      `rules:\n${noSalaries}${all}`,
      `rules:\n${rule('no-hr', 'deny', 'resources: hr.salaries')}${all}`,
      ['order to allow of all past no-hr'],
    ],
    [
      'denies more',
      `rules:\n${noSalaries}${all}`,
      `rules:\n${rule('no-hr', 'deny', 'resources: ["hr.*", "pay.*"]')}${all}`,
      [],
    ],
    [
      'changes the order of what has nothing to do with each other',
      `rules:\n${noSalaries}${reads}`,
      `rules:\n${reads}${noSalaries}`,
      [],
    ],
    ['allows by default', 'default: deny', 'default: allow', ['default to allow']],
    ['denies by default', 'default: allow', 'default: deny', []],
    [
      'takes the denial of a default away',
      `default: allow\nrules:\n${noSalaries}`,
      'default: allow',
      ['order to allow of default past no-hr'],
    ],
    [
      'lifts a limit',
      `rules:\n${rule('r', 'allow', 'operations: read', ', limits: { max_rows: 10 }')}`,
      `rules:\n${rule('r', 'allow', 'operations: read')}`,
      ['max_rows of r'],
    ],
    [
      'tightens a limit',
      `rules:\n${rule('r', 'allow', 'operations: read', ', limits: { max_rows: 10 }')}`,
      `rules:\n${rule('r', 'allow', 'operations: read', ', limits: { max_rows: 9 }')}`,
      [],
    ],
    [
      'hides no addresses any more',
      `rules:\n${rule('r', 'allow', 'operations: read', ', redact: [email, phone]')}`,
      `rules:\n${rule('r', 'allow', 'operations: read', ', redact: [phone]')}`,
      ['redact of r'],
    ],
    [
      'goes past a limit by a rule above',
      `rules:\n${rule('r', 'allow', 'operations: read', ', limits: { max_rows: 10 }')}`,
      `rules:\n${rule('s', 'allow', 'operations: read')}${rule('r', 'allow', 'operations: read', ', limits: { max_rows: 10 }')}`,
      ['max_rows of r'],
    ],
    [
      'reads statements of a server by another grammar',
      'facts: { "db/run": { sql: { argument: q, dialect: mysql } } }',
      'facts: { "db/run": { sql: { argument: q, dialect: sqlite } } }',
      ['facts of db/run'],
    ],
  ])('%s', ([, before, after, wanted]) => expect(opened(before, after)).toEqual(wanted))
})

describe('what is told of a change', () => {
  const before = policyOf(
    `rules:\n${rule('no-hr', 'deny', 'resources: "hr.*"')}${rule('reads', 'allow', 'operations: read, resources: "public.*"')}`,
  )

  test('a description cannot hide what a rule opens', () => {
    const after = policyOf(
      'rules:\n  - { tool: "*", decision: allow, description: "Only reads, and only of public tables" }\n',
    )
    const { newly_allowed: told } = policyChanges(
      { policy: before },
      { policy: after },
      probesOf([before, after]),
    )
    expect(told[0]?.text).toBe('`rule-1` is new. Allows every call of any tool.')
    expect(JSON.stringify(told)).not.toContain('Only reads')
    const hr = told.flatMap(({ examples }) => examples)
    expect(hr.length).toBeGreaterThan(0)
  })

  test('the widest of many names comes first', () => {
    const names = Array.from({ length: 60 }, (_, i) => `public.t${i}`)
    const after = policyOf(
      `rules:\n  - { id: r, tool: postgres.query, decision: allow, conditions: { resources: ${JSON.stringify([...names, 'hr*'])} } }\n`,
    )
    const { newly_allowed: told } = policyChanges({ policy: before }, { policy: after })
    expect(told[0]?.text).toContain('every access to hr*, public.t0')
    expect(told[0]?.text).toContain('and 21 more')
  })

  test('examples are calls that the two decide otherwise', () => {
    const after = policyOf(
      `rules:\n${rule('reads', 'allow', 'operations: read, resources: ["public.*", "hr.*"]')}`,
    )
    const { newly_allowed: told, newly_denied } = policyChanges(
      { policy: before },
      { policy: after },
      probesOf([before, after]),
    )
    expect(newly_denied).toEqual([])
    expect(told.flatMap(({ examples }) => examples)).toContainEqual({
      call: 'a read of hr.x by postgres.query',
      before: { decision: 'deny', rule: 'no-hr' },
      after: { decision: 'allow', rule: 'reads' },
    })
  })

  test('what is closed is told by comparing the other way round', () => {
    const after = policyOf(`rules:\n${rule('reads', 'allow', 'operations: read, resources: public.orders')}`)
    const { newly_allowed, newly_denied } = policyChanges({ policy: before }, { policy: after })
    expect(newly_allowed).toEqual([])
    expect(newly_denied.map(({ kind, rule: id }) => [kind, id])).toEqual([['rule', 'reads']])
  })

  test('what is too much to compare is said to be so, and nothing is listed', () => {
    const many = (decision: 'allow' | 'ask'): Policy => ({
      version: 1,
      rules: Array.from({ length: 5_000 }, (_, i) => ({
        tool: 'postgres.query',
        decision: i % 2 === 0 ? 'deny' : decision,
        conditions: { resources: `s${i}.*` },
      })),
    })
    const told = policyChanges({ policy: many('ask') }, { policy: many('allow') })
    expect(told).toEqual({ newly_allowed: [], newly_asked: [], newly_denied: [], complete: false })
  })
})
