import { describe, expect, test } from 'vitest'
import { folder, mcpshield } from './command.ts'

const valid = `version: 1
rules:
  - { id: read, tool: filesystem.read, decision: allow, conditions: { path_prefix: /home/safe/ } }
tests:
  - name: inside
    call: { tool: filesystem.read, arguments: { path: /home/safe/a } }
    expect: allow
  - name: beside
    call: { tool: filesystem.read, arguments: { path: /home/safe-evil/a } }
    expect: deny
`
const failing = valid.replace('expect: deny', 'expect: { decision: allow, rule: read }')
const wrong = 'version: 1\nrules:\n  - tool: x\n    decision: alow\n    colour: red\n'

describe('policy check', () => {
  test('of a valid policy runs its tests and ends with 0', async () => {
    using files = folder({ 'p.yaml': valid })
    const { code, stdout } = await mcpshield(['policy', 'check', files.path('p.yaml')])
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${files.path('p.yaml')}: valid, 2 of 2 tests passed\n`,
    })
  })

  test('points at each error with its line and a caret, and ends with 1', async () => {
    using files = folder({ 'p.yaml': wrong })
    const { code, stdout } = await mcpshield(['policy', 'check', files.path('p.yaml')])
    expect(code).toBe(1)
    expect(stdout).toContain('p.yaml:4:15 error ')
    expect(stdout).toContain(`      decision: alow\n  ${' '.repeat(14)}^\n`)
    expect(stdout).toContain('p.yaml:5:5 error unknown_key')
    expect(stdout).toMatch(/p\.yaml: 2 errors\n$/)
    expect(stdout).not.toContain('\x1b')
  })

  test('of a policy whose own test fails ends with 1 and points at the test', async () => {
    using files = folder({ 'p.yaml': failing })
    const { code, stdout } = await mcpshield(['policy', 'check', files.path('p.yaml')])
    expect(code).toBe(1)
    expect(stdout).toContain(
      'p.yaml:8:5 error test_failed The test “beside” expects allow by read, but it is deny',
    )
    expect(stdout).toContain('1 of 2 tests passed')
  })

  test('answers with one JSON object for each file', async () => {
    using files = folder({ 'good.yaml': valid, 'bad.yaml': wrong, 'failing.yaml': failing })
    const names = ['good.yaml', 'bad.yaml', 'failing.yaml'].map((name) => files.path(name))
    const { code, lines } = await mcpshield(['policy', 'check', '--json', ...names])
    expect(code).toBe(1)
    const test = (name: string, passed: boolean, expected: object) => ({
      name,
      passed,
      expected,
      got: expect.objectContaining({
        decision: expect.any(String),
        rule: expect.any(String),
        reason: expect.any(String),
      }),
    })
    expect(lines).toEqual([
      {
        file: names[0],
        diagnostics: [],
        tests: [test('inside', true, { decision: 'allow' }), test('beside', true, { decision: 'deny' })],
      },
      {
        file: names[1],
        diagnostics: [
          expect.objectContaining({ line: 4, column: 15, severity: 'error' }),
          expect.objectContaining({ line: 5, column: 5, severity: 'error', code: 'unknown_key' }),
        ],
        tests: [],
      },
      {
        file: names[2],
        diagnostics: [
          expect.objectContaining({ line: 8, column: 5, severity: 'error', code: 'test_failed' }),
        ],
        tests: [
          test('inside', true, { decision: 'allow' }),
          test('beside', false, { decision: 'allow', rule: 'read' }),
        ],
      },
    ])
  })

  test('of a policy with warnings only ends with 0', async () => {
    using files = folder({
      'p.yaml': 'version: 1\nrules:\n  - { tool: a.b, decision: deny }\n  - { tool: a.b, decision: allow }\n',
    })
    const { code, stdout } = await mcpshield(['policy', 'check', files.path('p.yaml')])
    expect(code).toBe(0)
    expect(stdout).toMatch(/p\.yaml:4:\d+ warning /)
    expect(stdout).toMatch(/: valid, 1 warning\n$/)
  })

  test('of an organisation’s policy refuses what a project’s may have', async () => {
    using files = folder({
      'allow.yaml': valid,
      'deny.yaml': 'version: 1\nrules: [{ tool: "*", decision: deny }]\n',
    })
    const check = (name: string) => mcpshield(['policy', 'check', '--organization', files.path(name)])
    expect((await check('allow.yaml')).code).toBe(1)
    expect((await check('deny.yaml')).code).toBe(0)
  })

  test('reads standard input for -, and tells a file that is not there from one that is wrong', async () => {
    expect(await mcpshield(['policy', 'check', '-'], { input: valid })).toMatchObject({
      code: 0,
      stdout: '<stdin>: valid, 2 of 2 tests passed\n',
    })
    using files = folder({ 'p.yaml': valid })
    const missing = await mcpshield([
      'policy',
      'check',
      '--json',
      files.path('none.yaml'),
      files.path('p.yaml'),
    ])
    expect(missing.code).toBe(2)
    expect(missing.lines).toEqual([
      expect.objectContaining({ diagnostics: [expect.objectContaining({ code: 'file_unreadable' })] }),
      expect.objectContaining({ diagnostics: [] }),
    ])
  })

  test.for<[string, string | Buffer]>([
    ['nothing', ''],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x80])],
    ['a document that is too large', `# ${'x'.repeat(300 * 1024)}\nversion: 1\n`],
    ['deep nesting', '['.repeat(20_000)],
    ['aliases that expand without end', 'a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nrules: *c\n'],
    ['control characters', 'version: 1\n"\\e[31mred\\e[0m\u001b[2J": 1\n\u202eoops: 1\n'],
    ['one endless line', `version: 1, ${'rules: [], '.repeat(9_000)}`],
  ])('of %s says what is wrong, in plain characters', async ([, input]) => {
    const { code, stdout } = await mcpshield(['policy', 'check', '-'], { input })
    expect([1, 2]).toContain(code)
    expect(stdout).toContain('<stdin>:1:1 error'.slice(0, 8))
    // eslint-disable-next-line no-control-regex -- these are the characters that must not pass
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(1_000)
  })

  test('knows the systems that it is told of, and says what is wrong with their file', async () => {
    const policy = `version: 1
rules:
  - { tool: 'mem/*', decision: allow, conditions: { path_prefix: / } }
  - { tool: sqlite.query, decision: allow, conditions: { connection: app, resources: [notes] } }
tests:
  - name: a declared server has no paths
    call: { tool: mem/read_graph, arguments: { path: /x } }
    expect: deny
  - name: the only connection is meant
    call: { tool: sqlite.query, arguments: { sql: select * from notes } }
    expect: allow
`
    const systems = {
      connections: [{ name: 'app', kind: 'sqlite' }],
      upstreams: [{ slug: 'mem', server: 'server-memory' }],
    }
    using files = folder({
      'p.yaml': policy,
      's.json': JSON.stringify(systems),
      'typo.json': JSON.stringify({ connections: [{ name: 'app', kind: 'sqlite', shema: [] }] }),
      'type.json': JSON.stringify([{ name: 'app', kind: 7 }]),
      'server.json': JSON.stringify({ upstreams: [{ slug: 'mem', server: 'server-memories' }] }),
    })
    const check = (systems: string) =>
      mcpshield(['policy', 'check', files.path('p.yaml'), '--connections', files.path(systems)])
    expect((await check('s.json')).code).toBe(0)
    expect(await check('typo.json')).toMatchObject({ code: 2, stderr: expect.stringContaining('"shema"') })
    expect(await check('type.json')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('connections[0].kind'),
    })
    expect(await check('server.json')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('known are: '),
    })
  })
})
