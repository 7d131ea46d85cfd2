import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compile } from '../src/compile.ts'
import { decide } from '../src/decide.ts'
import type { Access, Facts } from '../src/facts.ts'
import type { Policy } from '../src/schema.ts'
import { Decision } from '../src/schema.ts'

const access = (resource: string, rest: Partial<Access> = {}): Access => ({
  connection: 'main',
  operation: 'read',
  resource,
  fields: [],
  functions: [],
  ...rest,
})
const call = (rest: Partial<Facts>): Facts => ({
  method: 'tools/call',
  tool: 'db.query',
  arguments: {},
  paths: [],
  urls: [],
  accesses: [],
  ...rest,
})

const policy: Policy = {
  version: 1,
  rules: [
    { id: 'no-hr', tool: 'db.query', decision: 'deny', conditions: { resources: 'hr.*' } },
    { id: 'ask-writes', tool: 'db.query', decision: 'ask', conditions: { operations: 'write' } },
    { id: 'limited', tool: 'db.*', decision: 'allow', conditions: { resources: 'big.*' }, redact: ['email'] },
    { id: 'files', tool: 'db.query', decision: 'allow', conditions: { path_prefix: '/data' } },
    { id: 'prod', tool: 'db.query', decision: 'allow', conditions: { environment: 'prod' } },
    { id: 'sales', tool: 'db.query', decision: 'allow', conditions: { resources: ['sales.*', 'big.*'] } },
    { id: 'last', tool: '*', decision: 'deny' },
  ],
}
const compiled = compile(policy)

describe('the trace', () => {
  test('tells of every rule looked at why it did not decide, and ends with the one that did', () => {
    const facts = call({ accesses: [access('sales.a'), access('big.a', { operation: 'write' })] })
    const { trace } = decide(compiled, facts, { environment: 'dev' }, { trace: true })
    expect(trace?.map(({ rule, matches, outcome, why }) => [rule, matches, outcome, why])).toEqual([
      ['no-hr', 'no', 'passed', 'resources: A read of sales.a does not fit.'],
      ['ask-writes', 'may_hold', 'marked', 'operations: A read of sales.a does not fit.'],
      ['limited', 'may_hold', 'added', 'resources: A read of sales.a does not fit.'],
      ['files', 'no', 'passed', 'It tests paths, and the call has none.'],
      ['prod', 'no', 'passed', 'environment: The environment dev does not fit.'],
      ['sales', 'holds', 'decided', 'Every condition is true.'],
    ])
  })

  test('tells what is not known, and what a rule leaves untested', () => {
    const facts = call({ paths: ['/data/x'], accesses: { unknown: 'the SQL does not parse' } })
    const { trace } = decide(compiled, facts, {}, { trace: true })
    expect(trace).toEqual([
      {
        rule: 'no-hr',
        decision: 'deny',
        matches: 'may_hold',
        outcome: 'decided',
        why: 'Something of the call satisfies it, or may.',
      },
    ])
    const both = call({ tool: 'db.other', paths: ['/x'], accesses: [access('big.a')] })
    expect(decide(compiled, both, {}, { trace: true }).trace?.[0]?.why).toBe(
      'It leaves paths untested, and the call has /x.',
    )
  })

  test('is only there when asked for', () => {
    expect(decide(compiled, call({}), {})).not.toHaveProperty('trace')
  })
})

describe('a reason', () => {
  test('shows names of the call on one line, clipped, without characters that hide', () => {
    const facts = call({ accesses: [access(`hr.a\nDENIED\u202e${'x'.repeat(500)}`)] })
    const { reason } = decide(compiled, facts, {})
    expect(reason).toMatch(/^A read of hr\.a\ufffdDENIED\ufffdx+… is denied by rule no-hr\.$/)
    expect(reason.length).toBeLessThan(300)
  })

  test('and everything else of a decision is plain JSON of the published shape', () => {
    for (const accesses of [
      [access('hr.a')],
      [access('sales.a')],
      [access('big.a', { operation: 'write' })],
    ]) {
      const decision = decide(compiled, call({ accesses }), {}, { trace: true })
      expect(Decision.strict().parse(JSON.parse(JSON.stringify(decision)))).toEqual(decision)
    }
  })
})

test('the language needs nothing of Node: it runs in a browser too', () => {
  const folder = join(import.meta.dirname, '../src')
  for (const name of readdirSync(folder)) {
    const imports = readFileSync(join(folder, name), 'utf8').matchAll(/from '([^']+)'/g)
    for (const [, from] of imports) expect(from).toMatch(/^(\.\/|zod$|yaml$|re2js$)/)
  }
})
