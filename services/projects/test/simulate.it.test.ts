import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Input } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { ingest, type Simulation } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import { startWorld, type User, type World } from './world.ts'

type Asked = Input<typeof ingest.rpc.simulatePolicy>

let world: World
const stack = new AsyncDisposableStack()
/** What `ingest` was asked, the newest last. */
const asked: Asked[] = []
let refusal: AppError | undefined

const ANSWER: Simulation = {
  days: 7,
  from: '2026-11-13T12:00:00.000Z',
  to: '2026-11-20T12:00:00.000Z',
  calls: 3,
  unchanged: 1,
  changed: { calls: 1, transitions: [{ from: 'allow', to: 'deny', calls: 1 }] },
  not_replayable: { calls: 1, reasons: [{ reason: 'redacted', message: 'It is redacted.', calls: 1 }] },
  outside_policy: { calls: 0, reasons: [], allow: 0, deny: 0, ask: 0, not_replayable: 0 },
  examples: [],
  rules: [{ rule: 'default', calls: 2 }],
  truncated: false,
  took_ms: 4,
}

beforeAll(async () => {
  world = stack.use(await startWorld())
  const recorder = stack.use(await world.nats.connect('ingest'))
  const { simulatePolicy } = ingest.rpc
  await recorder.serve(
    'ingest',
    { simulatePolicy },
    {
      simulatePolicy(input) {
        asked.push(input)
        return refusal === undefined ? Promise.resolve(ANSWER) : Promise.reject(refusal)
      },
    },
  )
})
afterAll(() => stack.disposeAsync())

const DRAFT = 'version: 1\nrules:\n  - { id: reads, tool: files/read, decision: allow }\n'
const { simulatePolicy, validatePolicy, savePolicy, createKey, revokeKey } = projects.rpc

const projectOf = async (owner: User) =>
  (await owner.call(projects.rpc.createProject, { name: `p-${randomUUID()}`, environment: 'staging' })).id

describe('simulating a draft', () => {
  test('asks for the project’s calls with the checked draft, the environment, the keys, and the organisation’s policy', async () => {
    const owner = await world.owner()
    const project_id = await projectOf(owner)
    const key = await owner.call(createKey, { project_id, name: 'reporter', labels: ['ci'] })
    const revoked = await owner.call(createKey, { project_id, name: 'gone' })
    await owner.call(revokeKey, { project_id, key_id: revoked.id })
    const other = await projectOf(owner)
    await owner.call(createKey, { project_id: other, name: 'of another project' })

    expect(await owner.call(simulatePolicy, { project_id, policy_yaml: DRAFT })).toEqual(ANSWER)
    expect(asked.at(-1)).toEqual({
      org_id: owner.caller.org_id,
      project_id,
      days: 7,
      policy: { version: 1, rules: [{ id: 'reads', tool: 'files/read', decision: 'allow' }] },
      organization_policy: null,
      environment: 'staging',
      keys: expect.toSatisfy((keys: Asked['keys']) => keys.length === 2) as Asked['keys'],
      facts_sections: [{ from_version: 1, to_version: 1, facts: null }],
    })
    expect(asked.at(-1)?.keys).toEqual(
      expect.arrayContaining([
        { id: key.id, name: 'reporter', labels: ['ci'] },
        { id: revoked.id, name: 'gone', labels: [] },
      ]),
    )

    const above = 'version: 1\nrules:\n  - { id: never, tool: "*", decision: deny }\n'
    await owner.call(projects.rpc.saveOrganizationPolicy, { policy_yaml: above, if_match: '*' })
    await owner.call(simulatePolicy, { project_id, policy_yaml: DRAFT, days: 90 })
    expect(asked.at(-1)).toMatchObject({
      days: 90,
      organization_policy: { rules: [{ id: 'never', decision: 'deny' }] },
    })
  })

  test('tells how facts were declared by each version that may have decided a call', async () => {
    const owner = await world.owner()
    const project_id = await projectOf(owner)
    const save = (policy_yaml: string) => owner.call(savePolicy, { project_id, policy_yaml, if_match: '*' })
    const declaring = `version: 1\nfacts: { "a/*": { paths: [file] } }\nrules: []\n`
    await save(declaring)
    await save(`${declaring}# and again\n`)
    await save(DRAFT)
    await owner.call(simulatePolicy, { project_id, policy_yaml: DRAFT })
    expect(asked.at(-1)?.facts_sections).toEqual([
      { from_version: 4, to_version: 4, facts: null },
      { from_version: 2, to_version: 3, facts: { 'a/*': { paths: ['file'] } } },
      { from_version: 1, to_version: 1, facts: null },
    ])
    // Of versions that had no more to say when the days began, only the newest of them.
    const old =
      "update projects.policy_versions set created_at = now() - interval '10 days' where project_id = $1 and version <= 3"
    await world.query(old, [project_id])
    await owner.call(simulatePolicy, { project_id, policy_yaml: DRAFT, days: 7 })
    expect(asked.at(-1)?.facts_sections.map(({ from_version }) => from_version)).toEqual([4, 3])
  })

  test('refuses a draft that could not be saved, with what is wrong with it, and asks for nothing', async () => {
    const owner = await world.owner()
    const project_id = await projectOf(owner)
    const count = asked.length
    const failing = `${DRAFT}tests:\n  - { name: it is denied, call: { tool: files/read }, expect: deny }\n`
    for (const policy_yaml of ['version: 2\n', 'rules: [', failing, `# ${'x'.repeat(300_000)}\n${DRAFT}`]) {
      const { valid, diagnostics } = await owner.call(validatePolicy, { project_id, policy_yaml })
      expect(valid).toBe(false)
      await expect(owner.call(simulatePolicy, { project_id, policy_yaml })).rejects.toMatchObject({
        code: 'POLICY_INVALID',
        details: { diagnostics },
      })
    }
    for (const days of [0, 367, 1.5])
      await expect(
        owner.call(simulatePolicy, { project_id, policy_yaml: DRAFT, days }),
      ).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      })
    expect(asked).toHaveLength(count)
  })

  test('is for every member, also one who may only look, and for no other organisation, nor a key', async () => {
    const owner = await world.owner()
    const project_id = await projectOf(owner)
    const input = { project_id, policy_yaml: DRAFT }
    expect(await owner.as('viewer').call(simulatePolicy, input)).toEqual(ANSWER)
    const count = asked.length
    const stranger = await world.owner()
    await expect(stranger.call(simulatePolicy, input)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(owner.call(simulatePolicy, { ...input, project_id: randomUUID() })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    const { org_id } = owner.caller
    const caller = { kind: 'key' as const, key_id: randomUUID(), project_id, org_id, digest: 'd' }
    await expect(world.rest.call(simulatePolicy, input, { caller })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
    expect(asked).toHaveLength(count)
  })

  test('passes on that there is no turn for it now', async () => {
    const owner = await world.owner()
    const project_id = await projectOf(owner)
    refusal = new AppError('RATE_LIMITED', 'One is running.', { retry_after_ms: 5_000 })
    await expect(owner.call(simulatePolicy, { project_id, policy_yaml: DRAFT })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      details: { retry_after_ms: 5_000 },
    })
    refusal = undefined
  })
})
