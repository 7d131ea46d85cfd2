import { expect, test } from 'vitest'
import { Infrastructure } from '@mcpshield/contracts/projects'
import { preparePolicyCheck } from './check-policy.ts'
import { defaultPolicy } from './default-policy.ts'

const none = { connections: [], upstreams: [] }
const kinds = Infrastructure.options
const choices = [[], ...kinds.map((kind) => [kind]), [...kinds], ['files', 'postgresql']] as const

test.for(choices.map((choice) => [choice]))(
  'the policy for %s has no error and no warning',
  async ([choice]) => {
    const check = await preparePolicyCheck()
    const { policy, diagnostics } = check(defaultPolicy(choice ?? []), none)
    expect(diagnostics).toEqual([])
    expect(policy).toMatchObject({ version: 1, default: 'deny' })
  },
)

test('it allows reading and nothing else', async () => {
  const check = await preparePolicyCheck()
  const expecting = (sql: string, expected: string) =>
    check(
      `${defaultPolicy(['postgresql', 'files', 'http'])}
tests:
  - name: t
    call: { tool: postgres.query, arguments: { sql: ${JSON.stringify(sql)} } }
    expect: ${expected}
  - { name: f, call: { tool: filesystem.read, arguments: { path: /etc/passwd } }, expect: deny }
  - { name: n, call: { tool: network.request, arguments: { url: "https://example.com" } }, expect: deny }
`,
      none,
    ).diagnostics
  expect(expecting('select id from public.orders', 'allow')).toEqual([])
  expect(expecting('delete from public.orders', 'deny')).toEqual([])
  expect(expecting('select * from hr.salaries', 'deny')).toEqual([])
  expect(expecting('delete from public.orders', 'allow')).toMatchObject([{ code: 'test_failed' }])
})

test('tests that take too long are an error, not a stalled service', async () => {
  const check = await preparePolicyCheck()
  const one = (i: number) =>
    `  - { name: t${i}, call: { tool: postgres.query, arguments: { sql: "select ${'(select 1),'.repeat(200)} ${i}" } }, expect: allow }\n`
  const text = `version: 1\ndefault: allow\ntests:\n${Array.from({ length: 100 }, (_, i) => one(i)).join('')}`
  const startedMs = performance.now()
  check(text, none)
  expect(performance.now() - startedMs).toBeLessThan(3_500)
})
