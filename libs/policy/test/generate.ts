// Policies and calls over a small vocabulary, so that they meet.
import fc from 'fast-check'
import type { Access, Context, Facts, UrlFact } from '../src/facts.ts'
import type { Conditions } from '../src/conditions-schema.ts'
import type { RedactEntry } from '../src/limits-schema.ts'
import type { Policy, Rule } from '../src/schema.ts'

const TOOLS = ['db.query', 'fs.read', 'web/get']
const TOOL_GLOBS = [...TOOLS, '*', 'db.*', '*/get', '??.read']
const PATHS = ['/', '/a', '/a/b', '/a/b/c.txt', '/ab', '/b/a']
const PREFIXES = ['/', '/a', '/a/', '/a/b', '/b']
const HOSTS = [
  'example.com',
  'api.example.com',
  'a.b.example.com',
  'evil.com',
  'evil.com.',
  '127.0.0.1',
  '::1',
  'localhost',
]
const DOMAINS = [
  '*',
  'example.com',
  '*.example.com',
  'https://api.example.com',
  'api.example.com:8443',
  'evil.com',
  '127.0.0.1',
  'localhost',
]
const RESOURCES = ['hr.salaries', 'HR.Salaries', 'public.orders', 'orders', 'analytics.x', 'ſ.t']
const RESOURCE_GLOBS = [
  '*',
  'hr.*',
  'HR.salaries',
  'public.orders',
  'analytics.*',
  '*.orders',
  'or?ers',
  's.t',
]
const FIELDS = ['id', 'phone', 'Phone', 'a.b']
const FIELD_GLOBS = ['*', 'id', '*.phone', 'orders.id', 'hr.salaries.*', 'phone']
const FUNCTIONS = ['sum', 'pg_sleep']
const UNKNOWN = { unknown: 'for the test' }

const some = <Item>(items: readonly Item[], maxLength = 2) =>
  fc.oneof(fc.constantFrom(...items), fc.uniqueArray(fc.constantFrom(...items), { minLength: 1, maxLength }))

const required = fc.option(fc.boolean(), { nil: undefined })
const constraint = fc.oneof(
  fc.record({ minimum: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ type: fc.constantFrom('string' as const, 'number' as const, 'integer' as const), required }),
  fc.record({ enum: fc.constant(['x', 'y']), required }),
  fc.record({ const: fc.constantFrom('x', 3, null), required }),
  fc.record({ pattern: fc.constantFrom('[a-z]', 'x|[0-9.]+', '.*-.*', ''), required }),
  fc.record({ format: fc.constantFrom('ipv4' as const, 'date' as const) }),
  fc.record({ minLength: fc.integer({ min: 0, max: 4 }), maxLength: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ items: fc.record({ maximum: fc.integer({ min: 0, max: 5 }) }) }),
  fc.record({ items: fc.record({ pattern: fc.constantFrom('[a-z]', '[0-9.]+') }), required }),
)

const window = fc.record(
  {
    days: some(['mon', 'fri-sun', 'sat'] as const),
    hours: some(['09:00-18:00', '22:00-06:00', '00:00-24:00'] as const),
    timezone: fc.constantFrom('Europe/Berlin', 'America/New_York'),
  },
  { requiredKeys: [] },
)

const conditions = (decision: Rule['decision']): fc.Arbitrary<Conditions> => {
  const every = {
    path_prefix: some(PREFIXES),
    ...(decision === 'deny' ? {} : { allowed_domains: some(DOMAINS) }),
    blocked_domains: some(DOMAINS),
    connection: some(['w', 'v*']),
    operations: some(['read', 'write', 'schema', 'admin'] as const),
    resources: some(RESOURCE_GLOBS),
    fields: some(FIELD_GLOBS),
    functions: some([...FUNCTIONS, 'pg_*']),
    environment: some(['dev', 'prod']),
    key: some(['ci-*', 'laptop']),
    labels: some(['blue', 're*']),
    agent: some(['claude', '*']),
    user: some(['ann@*', 'bob@corp']),
    groups: some(['ops', 'db?']),
    time: window,
    parameters: fc.dictionary(fc.constantFrom('n', 'list', 'list.n'), constraint, { minKeys: 1, maxKeys: 2 }),
  }
  // Few at a time, or hardly any rule would ever hold.
  return fc
    .subarray([...Object.keys(every), 'parameters', 'parameters'], { minLength: 1, maxLength: 3 })
    .chain((names) => {
      const kept = Object.entries(every).filter(([name]) => names.includes(name))
      return fc.record<Conditions>(Object.fromEntries(kept))
    })
}

const limits = fc.record(
  {
    rate_limit: fc.record({ calls: fc.integer({ min: 1, max: 9 }), per: fc.constant('1m') }),
    max_rows: fc.integer({ min: 1, max: 99 }),
    max_bytes: fc.integer({ min: 1, max: 99 }),
    timeout: fc.constantFrom('1s', '2s', '9s'),
  },
  { requiredKeys: [] },
)
const redact = fc.uniqueArray(
  fc.constantFrom<RedactEntry>(
    ...(['email', 'jwt', 'phone'] as const),
    { detector: 'email', with: 'hash' },
    { pattern: '[0-9]+' },
    { fields: ['*.phone'], with: 'drop' },
    { detector: 'jwt', on: 'arguments', deny: true },
    { detector: 'aws_key', on: 'arguments', deny: true },
  ),
  { maxLength: 3 },
)

export function ruleOf(
  decisions: readonly Rule['decision'][] = ['allow', 'deny', 'ask'],
): fc.Arbitrary<Rule> {
  return fc.constantFrom(...decisions).chain((decision) =>
    fc
      .record({
        tool: some(TOOL_GLOBS),
        method: fc.oneof(
          { weight: 6, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: some(['tools/call', 'resources/*', '*']) },
        ),
        decision: fc.constant(decision),
        timeout: decision === 'ask' ? fc.constantFrom(undefined, '1m', '2h') : fc.constant(undefined),
        conditions: fc.oneof(
          { weight: 5, arbitrary: conditions(decision) },
          { weight: 1, arbitrary: fc.constant({}) },
        ),
        limits: fc.option(limits, { nil: undefined }),
        redact: fc.option(redact, { nil: undefined }),
      })
      .map((rule) =>
        withoutUndefined(decision === 'deny' ? { ...rule, limits: undefined, redact: undefined } : rule),
      ),
  )
}

function withoutUndefined(rule: Rule): Rule {
  return JSON.parse(JSON.stringify(rule)) as Rule
}

export const policies: fc.Arbitrary<Policy> = fc.record({
  version: fc.constant(1 as const),
  default: fc.constantFrom('allow' as const, 'deny' as const),
  rules: fc.oneof(
    { weight: 4, arbitrary: fc.array(ruleOf(), { maxLength: 8 }) },
    { weight: 1, arbitrary: fc.array(ruleOf(), { minLength: 40, maxLength: 60 }) },
  ),
})

const orUnknown = <Value>(value: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 9, arbitrary: value }, { weight: 1, arbitrary: fc.constant(UNKNOWN) })

export const accesses: fc.Arbitrary<Access> = fc.record({
  connection: orUnknown(fc.constantFrom('w', 'v1')),
  operation: orUnknown(fc.constantFrom('read', 'write', 'schema', 'admin')),
  resource: orUnknown(fc.constantFrom(null, ...RESOURCES)),
  fields: orUnknown(fc.uniqueArray(fc.constantFrom(...FIELDS), { maxLength: 2 })),
  functions: orUnknown(fc.uniqueArray(fc.constantFrom(...FUNCTIONS), { maxLength: 1 })),
})
export const paths = fc.constantFrom(...PATHS)
export const urls: fc.Arbitrary<UrlFact> = fc
  .record({
    host: fc.constantFrom(...HOSTS),
    scheme: fc.constantFrom('http', 'https'),
    port: fc.constantFrom(443, 80, 8443),
  })
  .map((url) => ({ href: '', ...url }))

const values = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.constantFrom('x', 'z', '', '1.2.3.4', '2026-01-31', '2026-02-30', null, 1.5, true),
  fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom('x', '12')), { maxLength: 2 }),
)
const argumentsOf = fc.oneof(
  fc.dictionary(
    fc.constantFrom('n', 'list'),
    fc.oneof(values, fc.array(fc.dictionary(fc.constant('n'), values), { maxLength: 2 })),
    { maxKeys: 2 },
  ),
  fc.constant({ unknown: 'x' }),
)

const list = <Fact>(fact: fc.Arbitrary<Fact>) => orUnknown(fc.array(fact, { maxLength: 2 }))
const none = fc.constant<never[]>([])

/** Half of the calls touch one kind only: those are the ones that rules about a kind hold for. */
export const calls: fc.Arbitrary<Facts> = fc
  .constantFrom('paths', 'urls', 'accesses', 'all', 'all', 'all')
  .chain((kind) =>
    fc.record({
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant('tools/call') },
        { weight: 1, arbitrary: fc.constant('resources/read') },
      ),
      tool: fc.constantFrom(...TOOLS),
      arguments: argumentsOf,
      paths: kind === 'all' || kind === 'paths' ? list(orUnknown(paths)) : none,
      urls: kind === 'all' || kind === 'urls' ? list(orUnknown(urls)) : none,
      accesses:
        kind === 'all' || kind === 'accesses' ? orUnknown(fc.array(accesses, { maxLength: 3 })) : none,
    }),
  )

const TIMES = [
  '2026-01-05T08:30:00Z',
  '2026-01-09T22:15:00Z',
  '2026-01-10T03:00:00+01:00',
  '2026-07-11T17:59:59.5Z',
]

export const contexts: fc.Arbitrary<Context> = fc.record(
  {
    environment: orUnknown(fc.constantFrom('dev', 'prod')),
    key: orUnknown(fc.constantFrom('ci-1', 'laptop')),
    labels: orUnknown(fc.uniqueArray(fc.constantFrom('blue', 'red'), { maxLength: 2 })),
    agent: orUnknown(fc.constantFrom('claude', 'other')),
    user: orUnknown(fc.constantFrom('ann@corp', 'bob@corp')),
    groups: orUnknown(fc.uniqueArray(fc.constantFrom('ops', 'dba'), { maxLength: 2 })),
    time: orUnknown(fc.constantFrom(...TIMES)),
  },
  { requiredKeys: [] },
)

/** The same call with one fact, or one attribute of one, replaced by unknown. */
export function lessKnown(
  facts: Facts,
  context: Context,
  choice: number,
): { facts: Facts; context: Context } {
  const less: { facts: Facts; context: Context } = structuredClone({ facts, context })
  const places: (() => void)[] = [() => (less.facts.arguments = UNKNOWN)]
  for (const kind of ['paths', 'urls', 'accesses'] as const) {
    const list = less.facts[kind]
    places.push(() => (less.facts[kind] = UNKNOWN))
    if (!Array.isArray(list)) continue
    list.forEach((fact, i) => {
      if (kind !== 'accesses') places.push(() => void ((list as unknown[])[i] = UNKNOWN))
      else
        for (const name of Object.keys(fact))
          places.push(() => void ((fact as Record<string, unknown>)[name] = UNKNOWN))
    })
  }
  for (const name of Object.keys(less.context)) {
    places.push(() => void delete less.context[name as keyof Context])
    places.push(() => void ((less.context as Record<string, unknown>)[name] = UNKNOWN))
  }
  places[choice % places.length]?.()
  return less
}
