import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { folder, mcpshield } from './command.ts'

type Answer = { status: number; body: unknown; headers?: Record<string, string> }
type Seen = { url: string; authorization: string | undefined; body: unknown }

/** A server of HTTP that answers paths as it is told. */
async function api(answers: Record<string, Answer>) {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      seen.push({
        url: request.url ?? '',
        authorization: request.headers.authorization,
        body: JSON.parse(body),
      })
      const {
        status,
        body: answer,
        headers,
      } = answers[request.url ?? ''] ?? { status: 404, body: { detail: 'There is nothing.' } }
      response.writeHead(status, headers)
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  }
}

const simulation = {
  days: 3,
  from: '2026-01-01T00:00:00Z',
  to: '2026-01-04T00:00:00Z',
  calls: 10,
  unchanged: 7,
  changed: { calls: 1, transitions: [{ from: 'allow', to: 'deny', calls: 1 }] },
  not_replayable: {
    calls: 2,
    reasons: [{ reason: 'redacted', message: 'A condition looks at what was redacted.', calls: 2 }],
  },
  outside_policy: { calls: 0, reasons: [], allow: 0, deny: 0, ask: 0, not_replayable: 0 },
  examples: [
    {
      id: '1',
      time: '2026-01-03T12:00:00Z',
      tool: 'postgres.query',
      agent: 'evil\u001b[2J\u202e',
      key_id: null,
      key: null,
      before: { decision: 'allow', rule: 'read' },
      after: {
        decision: 'deny',
        rule: 'default',
        reason: 'A read of hr.salaries is not covered by any allow rule.',
      },
    },
  ],
  rules: [],
  truncated: true,
  took_ms: 5,
}
const project = '0194b2f0-0000-7000-8000-0000000000aa'
const path = `/projects/${project}/policy/simulate`
const run = (url: string, file: string, env: Record<string, string>, ...more: string[]) =>
  mcpshield(['policy', 'simulate', file, '--project', project, '--days', '3', '--api', url, ...more], { env })

describe('policy simulate', () => {
  test('shows what would change, and nothing of what agents wrote can move the cursor', async () => {
    await using server = await api({ [path]: { status: 200, body: simulation } })
    using files = folder({ 'draft.yaml': 'version: 1\n' })
    const { code, stdout, stderr } = await run(server.url, files.path('draft.yaml'), {
      MCPSHIELD_TOKEN: 'a-token',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(server.seen).toEqual([
      { url: path, authorization: 'Bearer a-token', body: { policy_yaml: 'version: 1\n', days: 3 } },
    ])
    expect(stdout).toContain(
      '10 calls of the last 3 days\n         7  unchanged\n         1  changed\n         1    allow → deny\n',
    )
    expect(stdout).toMatch(
      /2026-01-03T12:00:00Z {2}postgres\.query {2}evil\ufffd\[2J\ufffd +allow \(read\) +deny \(default\) +A read of hr/,
    )
    expect(stdout).toContain('Older calls were not looked at')
  })

  test('gives the answer as it is with --json', async () => {
    await using server = await api({ [path]: { status: 200, body: simulation } })
    using files = folder({ 'draft.yaml': 'version: 1\n' })
    const { lines } = await run(
      server.url,
      files.path('draft.yaml'),
      { MCPSHIELD_TOKEN: 'a-token' },
      '--json',
    )
    expect(lines).toEqual([simulation])
  })

  test('logs in with an address and a password, and uses the token it gets', async () => {
    await using server = await api({
      '/auth/login': { status: 200, body: { access_token: 'fresh' } },
      [path]: { status: 200, body: simulation },
    })
    using files = folder({ 'draft.yaml': 'version: 1\n' })
    const { code } = await run(
      server.url,
      files.path('draft.yaml'),
      { MCPSHIELD_PASSWORD: 'secret' },
      '--email',
      'ann@example.com',
    )
    expect(code).toBe(0)
    expect(server.seen.map(({ url, authorization }) => [url, authorization])).toEqual([
      ['/auth/login', undefined],
      [path, 'Bearer fresh'],
    ])
    expect(server.seen[0]?.body).toEqual({ email: 'ann@example.com', password: 'secret' })
  })

  test('of a draft with errors shows them, and ends with 1', async () => {
    const diagnostics = [
      { line: 1, column: 10, severity: 'error', code: 'wrong_value', message: 'The version is 1.' },
    ]
    await using server = await api({
      [path]: { status: 422, body: { title: 'The policy is not valid', diagnostics } },
    })
    using files = folder({ 'draft.yaml': 'version: 2\n' })
    const env = { MCPSHIELD_TOKEN: 'a-token' }
    const shown = await run(server.url, files.path('draft.yaml'), env)
    expect(shown.code).toBe(1)
    expect(shown.stdout).toContain(
      `draft.yaml:1:10 error wrong_value The version is 1.\n  version: 2\n  ${' '.repeat(9)}^\n`,
    )
    const asJson = await run(server.url, files.path('draft.yaml'), env, '--json')
    expect(asJson).toMatchObject({ code: 1, lines: [{ diagnostics }] })
  })

  test.for<[string, Answer, string]>([
    ['refuses', { status: 403, body: { detail: 'You may not.' } }, 'the server answered 403: You may not.'],
    ['answers nonsense', { status: 200, body: '<html>' }, 'it is no answer of this API'],
    ['answers something else', { status: 200, body: { items: [] } }, 'it is no answer of this API'],
    [
      'sends elsewhere',
      { status: 302, body: '', headers: { location: 'http://127.0.0.1:9/' } },
      'cannot be reached',
    ],
  ])('with a server that %s ends with 3', async ([, answer, said]) => {
    await using server = await api({ [path]: answer })
    using files = folder({ 'draft.yaml': 'version: 1\n' })
    const { code, stdout, stderr } = await run(server.url, files.path('draft.yaml'), {
      MCPSHIELD_TOKEN: 'a-token',
    })
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('a-token')
  })

  test('without a server ends with 3, without a credential with 2', async () => {
    using files = folder({ 'draft.yaml': 'version: 1\n' })
    const gone = await run('http://127.0.0.1:9', files.path('draft.yaml'), { MCPSHIELD_TOKEN: 'a-token' })
    expect(gone).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('http://127.0.0.1:9 cannot be reached'),
    })
    expect(await run('http://127.0.0.1:9', files.path('draft.yaml'), {})).toMatchObject({ code: 2 })
    expect(await run('file:///etc/passwd', files.path('draft.yaml'), { MCPSHIELD_TOKEN: 'x' })).toMatchObject(
      { code: 2 },
    )
  })
})
