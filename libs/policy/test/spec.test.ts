// Runs every file of spec/: a policy, calls, and what is to become of them.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { compile } from '../src/compile.ts'
import { decide } from '../src/decide.ts'
import type { Context, Facts } from '../src/facts.ts'
import { parsePolicy } from '../src/parse.ts'
import type { Decision, Policy } from '../src/schema.ts'
import { runPolicyTests } from '../src/run-tests.ts'

type SpecCall = Partial<Omit<Facts, 'tool' | 'urls' | 'accesses'>> & {
  tool: string
  urls?: unknown
  accesses?: unknown
}
type Case = { name: string; call: SpecCall; context?: Context; want: Partial<Decision> }
type Spec = { description: string; policy: unknown; above?: unknown; calls: Case[] }

const folder = join(import.meta.dirname, '../spec')
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))

test('there are cases, and for every decision some', () => {
  const wants = files.flatMap((name) => load(name).calls.map(({ want }) => want.decision))
  expect(wants.length).toBeGreaterThan(120)
  for (const decision of ['allow', 'deny', 'ask'] as const) expect(wants).toContain(decision)
})

for (const file of files) {
  const spec = load(file)
  describe(`${file}: ${spec.description}`, () => {
    const policy = checked(spec.policy)
    const above = spec.above === undefined ? {} : { above: checked(spec.above, { organization: true }) }
    test.for(spec.calls)('$name', ({ call, context = {}, want }) => {
      const facts = factsOf(call)
      const got = decide(compile(policy, above), facts, context, { trace: true })
      expect(got).toMatchObject({ decision: want.decision, rule: want.rule })
      if (want.reason !== undefined) expect(got.reason).toBe(want.reason)
      if (want.obligations !== undefined) expect(got.obligations).toEqual(want.obligations)
    })
  })
}

test('a policy runs the tests it carries, and says which fail', () => {
  const { policy } = parsePolicy(`
version: 1
rules:
  - { id: reads, tool: db.query, decision: allow, conditions: { resources: a } }
tests:
  - { name: good, call: { tool: db.query, arguments: { table: a } }, expect: allow }
  - { name: bad, call: { tool: db.query, arguments: { table: b } }, expect: { decision: allow, rule: reads } }
  - { name: by rule, call: { tool: db.query, arguments: { table: b } }, expect: { rule: default } }
  - { name: by another rule, call: { tool: db.query, arguments: { table: b } }, expect: { decision: deny, rule: reads } }
`)
  if (policy === undefined) throw new Error('The policy of this test must be valid.')
  const results = runPolicyTests(policy, (call) =>
    factsOf({ ...call, accesses: [{ resource: call.arguments['table'] }] }),
  )
  expect(results.map(({ name, passed }) => [name, passed])).toEqual([
    ['good', true],
    ['bad', false],
    ['by rule', true],
    ['by another rule', false],
  ])
  expect(results[1]?.got).toMatchObject({
    decision: 'deny',
    reason: 'A read of b is not covered by any allow rule.',
  })
})

function load(name: string): Spec {
  return parse(readFileSync(join(folder, name), 'utf8')) as Spec
}

/** The policy as its own document: what a spec file holds must pass the check like any other. */
function checked(policy: unknown, options = {}): Policy {
  const result = parsePolicy(stringify(policy), options)
  if (result.policy === undefined) throw new Error(JSON.stringify(result.diagnostics))
  return result.policy
}

function factsOf({
  tool,
  method = 'tools/call',
  arguments: args = {},
  paths = [],
  urls,
  accesses,
}: SpecCall): Facts {
  return {
    method,
    tool,
    arguments: args,
    paths,
    urls: listed(urls, (url) => (typeof url === 'string' ? parsedUrl(url) : url)) as Facts['urls'],
    accesses: listed(accesses, (access) => ({
      ...{ connection: 'main', operation: 'read', fields: [], functions: [] },
      ...(access as object),
    })) as Facts['accesses'],
  }
}

function listed(facts: unknown, read: (fact: unknown) => unknown): unknown {
  return Array.isArray(facts) ? facts.map(read) : (facts ?? [])
}

const PORTS: Record<string, number> = { 'http:': 80, 'https:': 443, 'ftp:': 21 }

function parsedUrl(text: string) {
  const { href, protocol, hostname, port } = new URL(text)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return { href, scheme: protocol.slice(0, -1), host, port: port === '' ? PORTS[protocol] : Number(port) }
}
