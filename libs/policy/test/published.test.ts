// What is published of the language is what the code says: the JSON Schema and the reference.
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { CONDITION_EXAMPLES } from '../publish/condition-examples.ts'
import { decided } from '../publish/reference.ts'
import { publishedFiles } from '../publish/write.ts'
import { DIAGNOSTIC_CODES } from '../src/diagnostic-codes.ts'
import { policyJsonSchema } from '../src/json-schema.ts'
import { checkPolicy } from '../src/parse.ts'

type Validate = ((document: unknown) => boolean) & { errors?: unknown }
type Ajv = new (options: object) => {
  compile(schema: object): Validate
  addSchema(schema: object, key: string): void
}

const root = join(import.meta.dirname, '../../..')
// The validator of the OpenAPI check: one that knows nothing of how the schema was made.
const openApi = createRequire(import.meta.resolve('@seriousme/openapi-schema-validator'))
const { default: Ajv } = openApi('ajv/dist/2020.js') as { default: Ajv }

const schema = policyJsonSchema()
const ajv = new Ajv({ strict: true, strictRequired: false, strictTypes: false })
const validate = ajv.compile(schema)
const specs = join(import.meta.dirname, '../spec')

test.for(Object.entries(publishedFiles()))(
  '%s is what `node libs/policy/publish/write.ts` writes',
  ([path, text]) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(text)
  },
)

describe('the JSON Schema', () => {
  test('accepts every policy of the spec files, and every spec file names it', () => {
    const spec = JSON.parse(readFileSync(join(specs, 'spec.schema.json'), 'utf8')) as object
    ajv.addSchema(schema, '../schema/policy.schema.json')
    const validateSpec = ajv.compile(spec)
    const files = readdirSync(specs).filter((name) => name.endsWith('.yaml'))
    expect(files.length).toBeGreaterThan(10)
    for (const name of files) {
      const text = readFileSync(join(specs, name), 'utf8')
      expect(text.startsWith('# yaml-language-server: $schema=./spec.schema.json\n'), name).toBe(true)
      const document = parse(text) as { policy: unknown; above?: unknown }
      expect(validateSpec(document), `${name}: ${JSON.stringify(validateSpec.errors)}`).toBe(true)
    }
  })

  const rule = (rest: object) => ({
    version: 1,
    rules: [{ tool: 'postgres.query', decision: 'allow', ...rest }],
  })
  const denied = (rest: object) => rule({ decision: 'deny', ...rest })

  test.for<[what: string, document: unknown]>([
    ['no map', []],
    ['no version', { rules: [] }],
    ['another version', { version: 2 }],
    ['a version as text', { version: '1' }],
    ['an unknown key', { version: 1, rule: [] }],
    ['an unknown key of a rule', rule({ when: 'x' })],
    ['an unknown condition', rule({ conditions: { path: '/a' } })],
    ['an unknown constraint', rule({ conditions: { parameters: { a: { min: 1 } } } })],
    ['an unknown limit', rule({ limits: { rows: 1 } })],
    ['an unknown decision', rule({ decision: 'permit' })],
    ['no decision', { version: 1, rules: [{ tool: 'a' }] }],
    ['no tool', { version: 1, rules: [{ decision: 'deny' }] }],
    ['a number for a tool', rule({ tool: 7 })],
    ['an empty name', rule({ tool: '' })],
    ['an empty list', rule({ tool: [] })],
    ['an id with a space', rule({ id: 'a b' })],
    ['an unknown operation', rule({ conditions: { operations: 'drop' } })],
    ['a duration without a unit', rule({ limits: { timeout: '5' } })],
    ['no calls at all', rule({ limits: { rate_limit: { calls: 0, per: '1m' } } })],
    ['an unknown detector', rule({ redact: ['emial'] })],
    ['a redaction of two kinds', rule({ redact: [{ detector: 'email', fields: ['a'] }] })],
    [
      'arguments that are not denied',
      rule({ redact: [{ detector: 'email', on: 'arguments', deny: false }] }),
    ],
    ['allowed domains that are denied', denied({ conditions: { allowed_domains: 'a.test' } })],
    ['a limit on a denial', denied({ limits: { timeout: '1s' } })],
    ['a redaction on a denial', denied({ redact: ['email'] })],
    ['a wait that is no ask', rule({ timeout: '5m' })],
    ['an unknown dialect', { version: 1, facts: { a: { sql: { argument: 'q', dialect: 'oracle' } } } }],
    ['a test without a call', { version: 1, tests: [{ name: 'a', expect: 'deny' }] }],
    [
      'a test that expects something else',
      { version: 1, tests: [{ name: 'a', call: { tool: 'a' }, expect: 'no' }] },
    ],
    [
      'a context that is none',
      { version: 1, tests: [{ name: 'a', call: { tool: 'a', context: { ip: 'x' } }, expect: 'deny' }] },
    ],
  ])('refuses %s, as the check does', ([, document]) => {
    expect(validate(document)).toBe(false)
    expect(checkPolicy(document).policy).toBeUndefined()
  })

  test('and nothing that the check accepts', () => {
    for (const document of [
      { version: 1 },
      rule({
        timeout: '5m',
        decision: 'ask',
        limits: { timeout: '1s' },
        redact: ['email', { pattern: 'x' }],
      }),
      denied({ conditions: { blocked_domains: 'a.test' } }),
      rule({
        conditions: { parameters: { a: { enum: [null, 1, { b: [] }], items: { items: { const: 1 } } } } },
      }),
      { version: 1, facts: { '*': {} }, tests: [{ name: 'a', call: { tool: 'a' }, expect: { rule: 'r' } }] },
    ]) {
      expect(checkPolicy(document).problems).toEqual([])
      expect(validate(document), JSON.stringify(validate.errors)).toBe(true)
    }
  })

  test('describes every key that a person can write', () => {
    const bare: string[] = []
    const walk = (part: unknown, at: string): void => {
      if (typeof part !== 'object' || part === null) return
      for (const [name, each] of Object.entries((part as { properties?: object }).properties ?? {})) {
        const { description, $ref } = each as { description?: string; $ref?: string }
        const isSaid = description !== undefined || ($ref !== undefined && $ref !== '#/$defs/Globs')
        if (!isSaid && !/TestContext|allOf/.test(at) && !SELF_EVIDENT.has(name)) bare.push(`${at}.${name}`)
      }
      for (const [name, each] of Object.entries(part)) walk(each, `${at}.${name}`)
    }
    walk(schema, 'schema')
    expect(bare).toEqual([])
  })
})

/** Their branch of the redaction has a title that says all there is. */
const SELF_EVIDENT = new Set(['detector', 'on', 'deny', 'decision', 'rule'])

describe('the reference', () => {
  test.for(Object.entries(CONDITION_EXAMPLES))(
    'shows of %s a call that is allowed and one that is not',
    ([name, example]) => {
      expect(Object.keys(example.conditions)).toContain(name)
      expect(decided(example, example.allowed)[0]).toBe('allowed')
      expect(decided(example, example.denied)[0]).toBe('denied')
    },
  )

  test('lists no diagnostic that no test of this package makes', () => {
    const tests = readdirSync(import.meta.dirname)
      .filter((name) => name.endsWith('.test.ts') && name !== 'published.test.ts')
      .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
      .join('\n')
    const unmade = Object.keys(DIAGNOSTIC_CODES).filter((code) => !tests.includes(`'${code}'`))
    // Those of the tests a policy carries are made by whoever runs them.
    expect(unmade).toEqual(['test_failed', 'tests_too_slow'])
  })
})
