import { describe, expect, test } from 'vitest'
import { folder, jsonl, mcpshield } from './command.ts'

const read = (id: unknown, path: string, context?: object) => ({
  id,
  tool: 'filesystem.read',
  arguments: { path },
  ...(context === undefined ? {} : { context }),
})
const policy =
  'version: 1\nrules: [{ id: safe, tool: filesystem.read, decision: allow, conditions: { path_prefix: /home/safe } }]\n'

describe('policy eval', () => {
  test('answers with these members and no others', async () => {
    using files = folder({ 'p.yaml': policy })
    const args = ['policy', 'eval', '--policy', files.path('p.yaml')]
    const members = async (...more: string[]) => {
      const { lines } = await mcpshield([...args, ...more], { input: jsonl(read(1, '/home/safe/a')) })
      return lines.map((line) => Object.keys(line as object).join())
    }
    expect(await members()).toEqual(['id,decision,rule,reason,obligations'])
    expect(await members('--facts')).toEqual(['id,decision,rule,reason,obligations,facts'])
    expect(await members('--facts', '--trace')).toEqual(['id,decision,rule,reason,obligations,facts,trace'])
  })

  test('of a bad policy says so on every line, tells its errors once, and ends with 1', async () => {
    using files = folder({ 'p.yaml': 'version: 2\n' })
    const { code, lines, stderr } = await mcpshield(['policy', 'eval', '--policy', files.path('p.yaml')], {
      input: jsonl(read(1, '/home/safe/a'), 'not json', read('b', '/x')),
    })
    const invalid = (id: unknown) => ({
      id,
      error: 'policy_invalid',
      diagnostics: [expect.objectContaining({ line: 1, column: 10, severity: 'error' })],
    })
    expect(code).toBe(1)
    expect(lines).toEqual([invalid(1), expect.objectContaining({ id: null }), invalid('b')])
    expect(stderr.match(/ error /g)).toHaveLength(1)
  })

  test('without its policy ends with 2 and answers nothing', async () => {
    const { code, stdout, stderr } = await mcpshield(['policy', 'eval', '--policy', '/no/such.yaml'], {
      input: jsonl(read(1, '/x')),
    })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('/no/such.yaml cannot be read')
  })

  test('puts an organisation’s policy above, and refuses one that allows', async () => {
    using files = folder({
      'p.yaml': policy,
      'above.yaml':
        'version: 1\nrules: [{ id: no-keys, tool: "*", decision: deny, conditions: { path_prefix: /home/safe/keys } }]\n',
    })
    const args = (above: string) => [
      ...['policy', 'eval', '--policy', files.path('p.yaml')],
      ...['--organization-policy', files.path(above)],
    ]
    const input = jsonl(read(1, '/home/safe/a'), read(2, '/home/safe/keys/a'))
    expect((await mcpshield(args('above.yaml'), { input })).lines).toMatchObject([
      { id: 1, decision: 'allow', rule: 'safe' },
      { id: 2, decision: 'deny', rule: 'organization/no-keys' },
    ])
    const refused = await mcpshield(args('p.yaml'), { input })
    expect(refused.code).toBe(1)
    expect(refused.lines).toMatchObject([{ error: 'policy_invalid' }, { error: 'policy_invalid' }])
  })

  test('takes context that a line does not give for unknown: it opens nothing and closes what it may', async () => {
    using files = folder({
      'p.yaml': `version: 1
default: allow
rules:
  - { id: not-in-prod, tool: filesystem.read, decision: deny, conditions: { environment: prod } }
  - { id: in-dev, tool: filesystem.read, decision: allow, conditions: { environment: dev, path_prefix: / } }
`,
    })
    const { lines } = await mcpshield(['policy', 'eval', '--policy', files.path('p.yaml')], {
      input: jsonl(
        read(1, '/a', { environment: 'dev' }),
        read(2, '/a', { environment: 'prod' }),
        read(3, '/a'),
      ),
    })
    expect(lines).toMatchObject([
      { decision: 'allow', rule: 'in-dev' },
      { decision: 'deny', rule: 'not-in-prod' },
      { decision: 'deny', rule: 'not-in-prod' },
    ])
  })

  test('does not count rate limits: the same call has the same answer however often it comes', async () => {
    using files = folder({
      'p.yaml':
        'version: 1\nrules: [{ tool: a.b, decision: allow, limits: { rate_limit: { calls: 1, per: 1h } } }]\n',
    })
    const { lines } = await mcpshield(['policy', 'eval', '--policy', files.path('p.yaml')], {
      input: jsonl({ tool: 'a.b' }, { tool: 'a.b' }, { tool: 'a.b' }),
    })
    expect(lines).toMatchObject([{ decision: 'allow' }, { decision: 'allow' }, { decision: 'allow' }])
  })

  test('knows connections that it is told of; without them the call’s word is all there is', async () => {
    using files = folder({
      'p.yaml':
        'version: 1\nrules: [{ tool: sqlite.query, decision: allow, conditions: { connection: app, resources: [notes] } }]\n',
      'c.json': JSON.stringify([{ name: 'app', kind: 'sqlite' }]),
    })
    const query = (id: number, connection?: string) => ({
      id,
      tool: 'sqlite.query',
      arguments: { sql: 'select * from notes', ...(connection === undefined ? {} : { connection }) },
    })
    const input = jsonl(query(1), query(2, 'app'), query(3, 'other'))
    const decisions = async (...more: string[]) => {
      const { lines } = await mcpshield(['policy', 'eval', '--policy', files.path('p.yaml'), ...more], {
        input,
      })
      return lines.map((line) => (line as { decision: string }).decision)
    }
    expect(await decisions('--connections', files.path('c.json'))).toEqual(['allow', 'allow', 'deny'])
    expect(await decisions()).toEqual(['deny', 'allow', 'deny'])
  })

  test('takes the policy from standard input when the calls are in a file, and never both', async () => {
    using files = folder({ 'calls.jsonl': jsonl(read(1, '/home/safe/a')) })
    const args = ['policy', 'eval', '--policy', '-']
    expect((await mcpshield([...args, files.path('calls.jsonl')], { input: policy })).lines).toMatchObject([
      { id: 1, decision: 'allow' },
    ])
    expect((await mcpshield(args, { input: policy })).code).toBe(2)
  })
})
