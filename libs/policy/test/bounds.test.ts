// Any document and any call is dealt with in bounded time and memory, without throwing.
import fc from 'fast-check'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { compile } from '../src/compile.ts'
import { decide } from '../src/decide.ts'
import type { Facts } from '../src/facts.ts'
import { checkPolicy, parsePolicy } from '../src/parse.ts'
import type { ParseResult } from '../src/parse.ts'
import { readPattern } from '../src/patterns.ts'
import { ruleWarnings } from '../src/rule-warnings.ts'
import type { Policy, Rule } from '../src/schema.ts'
import { calls } from './generate.ts'

const SIZE = 256 * 1024
/** Of the largest size with BOUNDS=full; else an eighth of it, in an eighth of the time. */
const PART = process.env['BOUNDS'] === 'full' ? 1 : 8
const BIG = SIZE / PART
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400)

/** Time of this thread's processor: whatever else the machine does is not counted. */
function cpuMs(work: () => unknown): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1_000
}

function repeat(text: string): string {
  return text.repeat(Math.floor(BIG / text.length))
}

function lines(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i))
    .join('\n')
    .slice(0, BIG)
}

/** Refused with a position, or decides the call. */
function expectDealtWith({ policy, diagnostics }: ParseResult, facts: Facts = CALL): void {
  expect(diagnostics.length).toBeLessThanOrEqual(100)
  if (policy !== undefined) {
    expect(['allow', 'deny', 'ask']).toContain(decide(compile(policy), facts, {}).decision)
    return
  }
  const [first] = diagnostics
  expect(first?.severity).toBe('error')
  expect(first?.line).toBeGreaterThanOrEqual(1)
  expect(first?.column).toBeGreaterThanOrEqual(1)
}

const CALL: Facts = {
  method: 'tools/call',
  tool: 'postgres.query',
  arguments: {},
  paths: [],
  urls: [],
  accesses: [],
}

describe('a document of the largest size is read within a second', { timeout: 60_000 }, () => {
  test.for<[what: string, text: string]>([
    ['lists in lists', repeat('[')],
    ['maps in maps', repeat('{a: ')],
    ['maps in maps without keys', repeat('{')],
    ['lists beside lists', repeat('[[],')],
    ['dashes', repeat('- ')],
    ['question marks', repeat('? ')],
    ['colons', repeat(': ')],
    ['quotes', repeat('"')],
    ['escapes that are none', `a: "${'\\q'.repeat(BIG / 2 - 10)}"`],
    ['escapes', `a: "${'\\u0041'.repeat(BIG / 6 - 10)}"`],
    ['anchors', repeat('&a ')],
    ['aliases of nothing', repeat('*a ')],
    ['aliases of one thing', `a: &a x\nb: [${'*a,'.repeat(80_000 / PART)}]`],
    ['tags', repeat('!!str ')],
    ['directives', repeat('%a\n')],
    ['documents', repeat('---\n')],
    ['comments', repeat('#\n')],
    ['empty lines', repeat('\n')],
    ['carriage returns', repeat('\r\n')],
    ['tabs', repeat('\t')],
    ['NUL bytes', repeat('\0')],
    ['marks of byte order', repeat('\ufeff').slice(0, BIG / 3)],
    ['halves of characters', repeat('\ud800').slice(0, BIG / 3)],
    ['one word', repeat('k')],
    ['one number', `version: ${'1'.repeat(BIG - 20)}`],
    ['one hexadecimal number', `version: 0x${'f'.repeat(BIG - 20)}`],
    ['one long list', `a: [${'x,'.repeat(BIG / 2 - 10)}]`],
    ['many keys', lines(50_000 / PART, (i) => `k${i.toString(36)}: 1`)],
    ['many keys that are quoted', lines(20_000, (i) => `"k${i}": 1`)],
    ['many keys that are asked for', lines(20_000, (i) => `? k${i}\n: 1`)],
    ['one key many times', repeat('a: 1\n')],
    ['one key many times on one line', `{${repeat('a: 1,').slice(0, BIG - 10)}}`],
    ['lists for keys', repeat('[a]: b\n')],
    ['merge keys', `a: &a {x: 1}\n${lines(12_000, (i) => `k${i}: {<<: *a}`)}`.slice(0, BIG)],
    ['deep indentation', lines(700, (i) => `${' '.repeat(i)}a:`)],
    ['deep lists by indentation', lines(700, (i) => `${' '.repeat(i)}-`)],
    ['a plain text of many lines', `a: ${'word\n  '.repeat(BIG / 8)}`],
    ['a folded text', `a: >\n${' x\n\n'.repeat(BIG / 5)}`],
  ])('%s', ([, text]) => {
    let result: ParseResult | undefined
    expect(cpuMs(() => (result = parsePolicy(text)))).toBeLessThan(250 + 1_000 / PART)
    expect(result?.policy).toBeUndefined()
    if (result !== undefined) expectDealtWith(result)
  })

  test('aliases that multiply', () => {
    const multiply = (width: number) =>
      `a0: &a0 [x]\n${lines(30, (i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(width)}]`)}`
    let result: ParseResult | undefined
    expect(cpuMs(() => (result = parsePolicy(multiply(9))))).toBeLessThan(1_500)
    expect(result?.diagnostics.map(({ code }) => code)).toContain('yaml_too_large')
    const nested = parsePolicy(`a: ${'['.repeat(100)}${']'.repeat(100)}`)
    expect(nested.diagnostics[0]?.code).toBe('yaml_too_deep')
  })

  const rules = (count: number, rule: (i: number) => string) =>
    `version: 1\nrules:\n${lines(count, (i) => ` - ${rule(i)}`)}`
  const list = (count: number) =>
    `[${Array.from({ length: count }, (_, i) => `"a?b*${'c'.repeat(60)}${i}"`).join()}]`

  test.for<[what: string, text: string]>([
    ['rules of one tool', rules(8_000 / PART, (i) => `{tool: t, decision: deny, conditions: {key: k${i}}}`)],
    ['rules that are all the same', rules(16_000 / PART, () => '{tool: t, decision: deny}')],
    [
      'ten thousand rules that are one',
      rules(9_999, (i) => (i === 0 ? '&r {tool: t, decision: deny}' : '*r')),
    ],
    ['patterns of tools', rules(12_000 / PART, (i) => `{tool: "t${i}*", decision: deny}`)],
    [
      'patterns with many stars',
      rules(6_000 / PART, (i) => `{tool: "?*", decision: allow, conditions: {fields: "*?a?*?b${i}"}}`),
    ],
    [
      'long lists that are compared',
      rules(
        190,
        (i) =>
          `{tool: a, decision: deny, conditions: {resources: ${i === 0 ? `&l ${list(1_000)}` : '*l'}, key: k${i}}}`,
      ),
    ],
    [
      'long lists of tools',
      rules(
        190,
        (i) => `{tool: ${i === 0 ? `&l ${list(1_000)}` : '*l'}, decision: deny, conditions: {key: k${i}}}`,
      ),
    ],
    [
      'domains',
      rules(6_000 / PART, (i) => `{tool: t, decision: deny, conditions: {blocked_domains: "*.h${i}.test"}}`),
    ],
    [
      'time zones',
      rules(5_000 / PART, () => '{tool: t, decision: allow, conditions: {time: {timezone: Europe/Berlin}}}'),
    ],
    ['mistakes', rules(16_000 / PART, () => '{toool: t, decision: dony}')],
  ])('%s', ([, text]) => {
    let result: ParseResult | undefined
    expect(cpuMs(() => (result = parsePolicy(text)))).toBeLessThan(1_500)
    if (result !== undefined) expectDealtWith(result)
  })

  test('patterns, each as large as it may be written', () => {
    const withPatterns = (count: number, pattern: (i: number) => string) =>
      `version: 1\nrules:\n${Array.from(
        { length: count },
        (_, i) =>
          ` - {tool: t, decision: allow, conditions: {parameters: {a: {pattern: "${pattern(i)}"}}}}\n`,
      ).join('')}`
    const huge = withPatterns(480, (i) => `(${'x'.repeat(400)}${i}){1000}`)
    const many = withPatterns(2_000, (i) => `(a{30}b?){${18 + (i % 9)}}${i}`)
    for (const text of [huge, many]) {
      let result: ParseResult | undefined
      expect(cpuMs(() => (result = parsePolicy(text)))).toBeLessThan(1_500)
      expect(result?.diagnostics.at(-1)).toMatchObject({ code: 'bad_pattern' })
    }
  })

  test('more than 256 KiB, or more than 10,000 rules, is refused', () => {
    expect(parsePolicy(`version: 1 #${'é'.repeat(SIZE / 2)}`).diagnostics[0]?.code).toBe('document_too_large')
    expect(parsePolicy(`version: 1 #${'e'.repeat(SIZE - 20)}`).policy).toBeDefined()
    const rules = Array.from({ length: 10_001 }, () => ({ tool: 'a', decision: 'deny' }))
    expect(checkPolicy({ version: 1, rules }).problems[0]?.code).toBe('too_many_rules')
    expect(checkPolicy({ version: 1, rules: rules.slice(1) }).policy).toBeDefined()
  })
})

describe(
  'ten thousand rules are checked, warned about and compiled within two seconds',
  { timeout: 60_000 },
  () => {
    const decisions = ['allow', 'deny', 'ask'] as const
    test.for<[what: string, rule: (i: number) => Rule]>([
      [
        'spread over tools',
        (i) => ({
          tool: `up${(i / 10) | 0}/t`,
          decision: decisions[i % 3] ?? 'deny',
          conditions: { resources: [`s${i}.*`], operations: ['read'], environment: 'prod' },
        }),
      ],
      [
        'of one tool, by table',
        (i) => ({
          tool: 'postgres.query',
          decision: decisions[i % 3] ?? 'deny',
          conditions: { resources: `s${i}.*` },
        }),
      ],
      [
        'of one tool, by key',
        (i) => ({ tool: 'postgres.query', decision: 'deny', conditions: { resources: 'a.b', key: `k${i}` } }),
      ],
      [
        'by host',
        (i) => ({
          tool: 'network.request',
          decision: 'allow',
          conditions: { allowed_domains: [`h${i}.test`, `*.x${i}.test`] },
        }),
      ],
      [
        'by folder',
        (i) => ({
          tool: 'filesystem.read',
          decision: 'ask',
          conditions: { path_prefix: `/a/${i % 100}/${i}` },
        }),
      ],
      ['of tools by pattern', (i) => ({ tool: `t${i}*`, decision: 'deny', conditions: { user: `u${i}` } })],
      [
        'of patterns',
        (i) => ({
          tool: 't',
          decision: 'allow',
          conditions: { parameters: { a: { pattern: `[a-z]+${i}` } } },
        }),
      ],
    ])('%s', ([, rule]) => {
      const policy: Policy = { version: 1, rules: Array.from({ length: 10_000 }, (_, i) => rule(i)) }
      const offered = Array.from({ length: 1_000 }, (_, i) => ({ tool: `t${i}x`, guessed: i % 2 === 0 }))
      const tookMs = cpuMs(() => {
        expect(checkPolicy(policy).problems).toEqual([])
        ruleWarnings(policy, offered)
        compile(policy)
      })
      expect(tookMs).toBeLessThan(2_000)
    })
  },
)

describe('whatever a call carries, patterns take linear time', { timeout: 60_000 }, () => {
  test.for(['(a+)+$', '(a|a)*b', '([a-zA-Z]+)*$', '(.*a){12}b', '(a?){100}a{100}'])(
    '%s on 50,000 characters',
    (pattern) => {
      const read = readPattern(pattern)
      if (read.problem !== undefined) throw new Error(read.problem)
      const value = `${'a'.repeat(50_000)}!`
      expect(cpuMs(() => read.test(value))).toBeLessThan(250)
    },
  )

  const decidesWithinMs = (rules: Rule[], args: Facts['arguments']) => {
    const compiled = compile({ version: 1, rules })
    let decision = ''
    const ms = cpuMs(() => (decision = decide(compiled, { ...CALL, arguments: args }, {}).decision))
    return { ms, decision }
  }
  const ruleOf = (pattern: string): Rule => ({
    tool: 'postgres.query',
    decision: 'allow',
    conditions: { parameters: { list: { items: { pattern } } } },
  })

  test('a list of many texts takes no longer than one text, and what is too much is unknown', () => {
    const heavy = ruleOf('(a?){100}a{100}')
    const short = 'a'.repeat(150)
    expect(decidesWithinMs([heavy], { list: [short, short] })).toMatchObject({ decision: 'allow' })
    const many = decidesWithinMs([heavy], { list: Array.from({ length: 5_000 }, () => short) })
    expect(many.decision).toBe('deny')
    expect(many.ms).toBeLessThan(300)
  })

  test('thousands of rules on one argument take seconds at most', () => {
    const rules = Array.from({ length: 3_000 }, (_, i) => ruleOf(`(a?){9}b${i}`))
    const { ms, decision } = decidesWithinMs(rules, { list: ['a'.repeat(60_000)] })
    expect(decision).toBe('deny')
    expect(ms).toBeLessThan(2_500)
  })
})

describe('any text', { timeout: 600_000 }, () => {
  const word = fc.constantFrom(
    ...[
      'version: 1',
      'rules:',
      '\n',
      '\n  - ',
      '\n    ',
      'tool: "*"',
      'decision: allow',
      'decision: deny',
      'conditions:',
    ],
    ...[
      'path_prefix: /',
      '{',
      '}',
      '[',
      ']',
      ',',
      ': ',
      '&a ',
      '*a',
      '!!str ',
      '|',
      '>',
      '"',
      "'",
      '#',
      '? ',
      '- ',
      '<<: ',
    ],
    ...[
      'default: allow',
      '\r\n',
      '\t',
      '\0',
      '\ufeff',
      '---',
      '...',
      '%YAML 1.1',
      '1e999',
      '.nan',
      '0x',
      '~',
      '!',
      '__proto__: ',
    ],
  )
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
  )

  test('is refused with a position or decides every call', () => {
    fc.assert(
      fc.property(texts, calls, (text, facts) => expectDealtWith(parsePolicy(text), facts)),
      { numRuns: RUNS * 4 },
    )
  })

  test('so is a policy with something changed, left out, repeated or put in', () => {
    const folder = join(import.meta.dirname, '../spec')
    const documents = readdirSync(folder)
      .filter((name) => name.endsWith('.yaml'))
      .map((name) =>
        stringify((parse(readFileSync(join(folder, name), 'utf8')) as { policy: unknown }).policy),
      )
    const change = fc.record({
      at: fc.nat(),
      length: fc.nat({ max: 30 }),
      word: fc.oneof(word, fc.string({ maxLength: 5 })),
      repeat: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.constantFrom(...documents),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        calls,
        (document, changes, facts) => {
          let text = document
          for (const { at, length, word, repeat } of changes) {
            const start = at % (text.length + 1)
            const taken = text.slice(start, start + length)
            text = text.slice(0, start) + word + (repeat ? taken + taken : '') + text.slice(start + length)
          }
          expectDealtWith(parsePolicy(text, { organization: text.length % 2 === 0 }), facts)
        },
      ),
      { numRuns: RUNS * 2 },
    )
  })

  test('and any JSON is refused or decides every call', () => {
    const shaped = fc.record({
      version: fc.constant(1),
      rules: fc.array(
        fc.record(
          {
            tool: fc.jsonValue(),
            decision: fc.constantFrom('allow', 'deny', 'ask', 'x'),
            conditions: fc.dictionary(
              fc.constantFrom('path_prefix', 'allowed_domains', 'time', 'parameters', 'resources'),
              fc.jsonValue(),
            ),
          },
          { requiredKeys: ['decision'] },
        ),
      ),
    })
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), shaped), (json) => {
        const { policy, problems } = checkPolicy(json)
        if (policy === undefined) expect(problems.length).toBeGreaterThan(0)
        else expect(decide(compile(policy), CALL, {}).decision).toBeDefined()
      }),
      { numRuns: RUNS * 4 },
    )
  })

  test('what is no text at all is refused too', () => {
    for (const text of [undefined, null, 7, {}, []]) {
      expect(parsePolicy(text as never).diagnostics[0]).toMatchObject({
        severity: 'error',
        line: 1,
        column: 1,
      })
    }
    expect(parsePolicy(undefined as never).diagnostics[0]?.code).toBe('unreadable')
  })
})
