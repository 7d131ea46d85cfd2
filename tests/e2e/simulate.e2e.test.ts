// A draft is tried on the calls of the last days before it is saved; once it is in force, the same calls are decided
// as it was foretold.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Simulation } from '@mcpshield/contracts/ingest'
import { httpOf, type Http, type HttpAnswer } from './http.ts'
import { createMember, createPerson, send, type Person } from './people.ts'
import { startProduct, type Product } from './product.ts'

let product: Product
let http: Http
let owner: Person
let at: string
let key: string

const BEFORE = 'version: 1\nrules:\n  - { id: all, tool: "*", decision: allow }\n'
const DRAFT = `version: 1
rules:
  - { id: no-hr, tool: "*", decision: deny, conditions: { resources: ["hr.*"] } }
  - { id: writes, tool: "*", decision: ask, conditions: { operations: [write] } }
  - { id: data, tool: "*", decision: allow, conditions: { resources: ["*"] } }
  - { id: bob, tool: "files/*", decision: allow, conditions: { path_prefix: /home/bob@example.com } }
  - { id: home, tool: "notes/*", decision: allow, conditions: { path_prefix: /home, key: reporter } }
`
const CALLS: [tool: string, args: object][] = [
  ['postgres.query', { sql: 'select id from analytics.orders', connection: 'shop' }],
  [
    'postgres.query',
    { sql: "select id from public.people where email = 'bob@example.com'", connection: 'shop' },
  ],
  ['postgres.query', { sql: 'select * from hr.salaries', connection: 'shop' }],
  ['postgres.query', { sql: 'update analytics.orders set total = 0', connection: 'shop' }],
  ['postgres.query', { sql: 'this is no statement', connection: 'shop' }],
  ['notes/open', { path: '/home/bob/a.txt' }],
  ['notes/open', { path: '/etc/passwd' }],
  ['files/open', { path: '/home/bob@example.com/a.txt' }],
  ['crawler/visit', { url: 'https://api.example.com/' }],
]

beforeAll(async () => {
  process.env.TRUST_PROXY = 'loopback'
  product = await startProduct(21_030)
  http = httpOf(product.stack.api)
  owner = await createPerson(product.stack, http, 'Owner')
  const project = await send<{ id: string }>(http, owner.token, 'POST', '/projects', { name: 'Simulated' })
  at = `/projects/${project.id}`
  await send(http, owner.token, 'POST', `${at}/connections`, {
    name: 'shop',
    kind: 'postgresql',
    url: 'postgres://127.0.0.1:1/shop',
  })
  key = (await send<{ api_key: string }>(http, owner.token, 'POST', `${at}/keys`, { name: 'reporter' }))
    .api_key
})
afterAll(async () => {
  await product[Symbol.asyncDispose]()
})

/** Calls that count. */
let evaluated = 0

type Evaluation = { decision: string; rule: string; policy_version: number; decision_id: string }

async function evaluate([tool, args]: (typeof CALLS)[number]): Promise<Evaluation> {
  const answer = await http({
    method: 'POST',
    path: '/policy/evaluate',
    key,
    body: { tool, arguments: args },
  })
  if (answer.status !== 200) throw new Error(`evaluating: ${answer.status} ${answer.text}`)
  evaluated++
  return answer.json<Evaluation>()
}

/** Saves a policy, and waits until calls are decided by it. */
async function putInForce(policy_yaml: string): Promise<void> {
  const { version } = await send<{ version: number }>(
    http,
    owner.token,
    'PUT',
    `${at}/policy`,
    { policy_yaml },
    { 'if-match': '*' },
  )
  const inForce = () =>
    evaluate(['nothing/here', {}]).then(
      ({ policy_version }) => policy_version,
      () => 0,
    )
  await expect.poll(inForce, { timeout: 10_000, interval: 50 }).toBe(version)
}

const simulate = (person: Person, policy_yaml = DRAFT, more: object = {}): Promise<HttpAnswer> =>
  http({
    method: 'POST',
    path: `${at}/policy/simulate`,
    token: person.token,
    body: { policy_yaml, days: 1, ...more },
  })

test('a draft decides recorded calls as it decides them once it is in force', async () => {
  await putInForce(BEFORE)
  const before: Evaluation[] = []
  for (const call of CALLS) before.push(await evaluate(call))
  const recorded = () => send<{ items: { id: string }[] }>(http, owner.token, 'GET', '/audits?limit=200')
  await expect
    .poll(async () => (await recorded()).items.map(({ id }) => id), { timeout: 30_000, interval: 100 })
    .toEqual(expect.arrayContaining(before.map(({ decision_id }) => decision_id)))

  const answer = await simulate(owner)
  expect(answer.status, answer.text).toBe(200)
  const foretold = answer.json<Simulation>()
  const changed = new Map(foretold.examples.map(({ id, after }) => [id, after]))
  expect(foretold).toMatchObject({ days: 1, truncated: false })
  expect(foretold.not_replayable).toMatchObject({ calls: 1, reasons: [{ reason: 'redacted', calls: 1 }] })

  await putInForce(DRAFT)
  for (const [index, call] of CALLS.entries()) {
    const { decision_id, decision: old } = before[index]!
    const { decision, rule } = await evaluate(call)
    if (call[0] === 'files/open') expect(changed.has(decision_id)).toBe(false)
    else if (decision === old) expect(changed.has(decision_id), JSON.stringify(call)).toBe(false)
    else expect(changed.get(decision_id)).toMatchObject({ decision, rule })
  }
  expect(foretold.examples.find(({ id }) => id === before[2]!.decision_id)).toMatchObject({
    tool: 'postgres.query',
    key: 'reporter',
    before: { decision: 'allow', rule: 'all' },
    after: { decision: 'deny', rule: 'no-hr', reason: expect.stringContaining('hr.salaries') as string },
  })
})

test('nothing of it is recorded, saved, or counted against a limit', async () => {
  const version = async () =>
    (await send<{ version: number }>(http, owner.token, 'GET', `${at}/policy`)).version
  const month = async () =>
    (await send<{ items: { count: number }[] }>(http, owner.token, 'GET', '/usage/monthly')).items[0]?.count
  await expect.poll(month, { timeout: 30_000, interval: 100 }).toBe(evaluated)
  const versionThen = await version()
  const limited =
    'version: 1\nrules:\n  - { id: few, tool: "*", decision: allow, limits: { rate_limit: { calls: 1, per: 1d, by: project } } }\n'
  const { calls, rules } = (await simulate(owner, limited)).json<Simulation>()
  expect(rules[0]).toMatchObject({
    rule: 'few',
    calls: expect.toSatisfy((n: number) => n > 1 && n <= calls) as number,
  })
  expect([await version(), await month()]).toEqual([versionThen, evaluated])
})

test('who may see the project may simulate, and nobody else; a wrong draft is told where it is wrong', async () => {
  const viewer = await createMember(product.stack, http, owner, 'viewer')
  expect((await simulate(viewer)).status).toBe(200)
  const stranger = await createPerson(product.stack, http, 'Stranger')
  expect((await simulate(stranger)).status).toBe(404)
  const byKey = await http({
    method: 'POST',
    path: `${at}/policy/simulate`,
    key,
    body: { policy_yaml: DRAFT, days: 1 },
  })
  expect(byKey.status).toBe(401)
  const wrong = await simulate(owner, 'version: 1\nrules:\n  - { tool: "*", decision: maybe }\n')
  expect(wrong.status).toBe(422)
  expect(wrong.json<{ diagnostics: object[] }>().diagnostics).toEqual([
    expect.objectContaining({ line: 3, severity: 'error' }),
  ])
  for (const days of [0, 1_000, 'all']) expect((await simulate(owner, DRAFT, { days })).status).toBe(400)
})
