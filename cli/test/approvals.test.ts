import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mcpshield } from './command.ts'
import { startRestServer, type RestServer } from './rest-server.ts'

const spec = (name: string) => join(import.meta.dirname, '../spec', name)

const approval = {
  id: '0194b2f0-0000-7000-8000-000000000001',
  project_id: '0193',
  state: 'pending',
  method: 'tools/call',
  tool: 'postgres.query',
  arguments: { sql: 'delete from orders where id = 7', note: 'a\u200bb\u001b[2J' },
  rule: 'ask-before-deleting',
  reason: 'It deletes from public.orders.',
  policy_version: 3,
  agent: 'claude\u001b[2J\u202e',
  key_id: '0194b2f0-0000-7000-8000-000000000002',
  user: null,
  decision_id: '0194b2f0-0000-7000-8000-000000000003',
  created_at: '2026-01-03T12:00:00.000Z',
  expires_at: '2026-01-03T12:10:00.000Z',
  decided_at: null,
  decided_by: null,
  note: null,
}
const other = { ...approval, id: '0194b2f0-0000-7000-8000-000000000004', tool: 'files/write', agent: null }
const project = '0194b2f0-0000-7000-8000-0000000000aa'
const at = `/projects/${project}/approvals`

async function serving(answers: Record<string, { status: number; body: unknown }>): Promise<RestServer> {
  const server = await startRestServer()
  for (const [key, answer] of Object.entries(answers)) server.answers.set(key, answer)
  return server
}

/** With a token that the server knows. */
async function run(server: RestServer, ...args: string[]) {
  const answer = await fetch(`${server.url}/auth/login`, {
    method: 'POST',
    body: JSON.stringify({ password: 'orange-kettle-walks-28' }),
  })
  const { access_token } = (await answer.json()) as { access_token: string }
  return mcpshield(['approvals', ...args, '--project', project, '--api', server.url], {
    env: { MCPSHIELD_TOKEN: access_token },
  })
}

describe('approvals list', () => {
  const list = { items: [approval, other], next_cursor: 'more', prev_cursor: null }

  test('is a table of those that wait, in which nothing that agents wrote moves the cursor', async () => {
    await using server = await serving({ [`GET ${at}?limit=50&state=pending`]: { status: 200, body: list } })
    const { code, stdout, stderr } = await run(server, 'list')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    await expect(stdout).toMatchFileSnapshot(spec('approvals-list.golden.txt'))
  })

  test('is of other states, longer, and the API’s answer as it is', async () => {
    await using server = await serving({
      [`GET ${at}?limit=200&state=used`]: { status: 200, body: list },
      [`GET ${at}?limit=50`]: { status: 200, body: { ...list, items: [], next_cursor: null } },
    })
    expect((await run(server, 'list', '--state', 'used', '--limit', '200', '--json')).lines).toEqual([list])
    expect(await run(server, 'list', '--state', 'all')).toMatchObject({ code: 0, stdout: 'No calls.\n' })
    expect(await run(server, 'list', '--state', 'open')).toMatchObject({ code: 2 })
    expect(await run(server, 'list', '--limit', '0')).toMatchObject({ code: 2 })
  })
})

describe('approvals show', () => {
  test('has the arguments as they will run, with what a terminal would not show written out', async () => {
    await using server = await serving({ [`GET ${at}/${approval.id}`]: { status: 200, body: approval } })
    const { code, stdout } = await run(server, 'show', approval.id)
    expect(code).toBe(0)
    await expect(stdout).toMatchFileSnapshot(spec('approvals-show.golden.txt'))
    expect((await run(server, 'show', approval.id, '--json')).lines).toEqual([approval])
  })
})

describe.for([
  ['approve', 'approved'],
  ['refuse', 'refused'],
] as const)('approvals %s', ([word, state]) => {
  const path = `POST ${at}/${approval.id}/${word}`

  test('says the word, with a note or without, and what became of it', async () => {
    await using server = await serving({ [path]: { status: 200, body: { ...approval, state } } })
    expect(await run(server, word, approval.id)).toMatchObject({
      code: 0,
      stdout: `${state} postgres.query (${approval.id})\n`,
    })
    expect(server.asked.at(-1)?.body).toEqual({})
    await run(server, word, approval.id, '--note', 'Because.')
    expect(server.asked.at(-1)?.body).toEqual({ note: 'Because.' })
    expect((await run(server, word, approval.id, '--json')).lines).toEqual([{ ...approval, state }])
  })

  test.for([
    [403, 1],
    [404, 1],
    [409, 1],
    [410, 1],
    [400, 2],
    [401, 3],
    [500, 3],
  ] as const)('answered %i ends with %i, and says why', async ([status, exit]) => {
    await using server = await serving({ [path]: { status, body: { detail: 'It is not to be.' } } })
    const { code, stdout, stderr } = await run(server, word, approval.id)
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
    expect(stderr).toContain('It is not to be.')
  })
})

test('a command about approvals needs a credential', async () => {
  expect(await mcpshield(['approvals', 'show', '--project', 'p'])).toMatchObject({ code: 2 })
  const nobody = await mcpshield(['approvals', 'list', '--project', 'p'], {
    env: { XDG_CONFIG_HOME: '/nonexistent' },
  })
  expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining('mcpshield login') as string })
})

test('an answer that is none of this API is a server’s fault', async () => {
  await using server = await serving({
    [`GET ${at}?limit=50&state=pending`]: { status: 200, body: { hello: 1 } },
    [`GET ${at}/x`]: { status: 200, body: [] },
  })
  expect(await run(server, 'list')).toMatchObject({ code: 3, stdout: '' })
  expect(await run(server, 'show', 'x')).toMatchObject({ code: 3, stdout: '' })
})
