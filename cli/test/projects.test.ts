import { describe, expect, test } from 'vitest'
import { folder } from './command.ts'
import { ran } from './in-process.ts'
import { startRestServer, type RestServer } from './rest-server.ts'

const SHOP = '0194b2f0-0000-7000-8000-0000000000aa'
const DEMO = '0194b2f0-0000-7000-8000-0000000000bb'
const project = (id: string, name: string) => ({
  id,
  name,
  environment: 'dev',
  mode: 'enforce',
  killed: false,
  policy_version: 1,
})
const page = (items: unknown[], next_cursor: string | null = null) => ({
  status: 200,
  body: { items, next_cursor, prev_cursor: null },
})

async function serving(...projects: object[]) {
  const server = await startRestServer()
  server.answers.set('GET /projects?limit=200', page(projects))
  return server
}

const run = (server: RestServer, args: string[], env: Record<string, string> = {}) =>
  ran([...args, '--api', server.url], { env: { MCPSHIELD_TOKEN: server.token(), ...env } })

/** Which project a command asked about. */
async function asked(server: RestServer, args: string[], env: Record<string, string> = {}) {
  server.otherwise = ({ path }) => (path.includes('/keys') ? page([]) : undefined)
  const { code, stderr } = await run(server, ['keys', 'list', ...args], env)
  const [, id] = /^\/projects\/([^/]+)\/keys/.exec(server.asked.at(-1)?.path ?? '') ?? []
  return { code, stderr, id }
}

describe('the project of a command', () => {
  test('is named by its id, without a question, or by its name', async () => {
    await using server = await serving(project(SHOP, 'Shop'), project(DEMO, 'Demo'))
    expect(await asked(server, ['--project', SHOP])).toMatchObject({ code: 0, id: SHOP })
    expect(server.asked).toHaveLength(1)
    expect(await asked(server, ['--project', 'demo'])).toMatchObject({ code: 0, id: DEMO })
    expect(await asked(server, [], { MCPSHIELD_PROJECT: 'Shop' })).toMatchObject({ code: 0, id: SHOP })
    expect(await asked(server, ['--project', 'Shop'], { MCPSHIELD_PROJECT: 'Demo' })).toMatchObject({
      id: SHOP,
    })
  })

  test('is the only one; of several none is guessed, and their names are told', async () => {
    await using one = await serving(project(SHOP, 'Shop'))
    expect(await asked(one, [])).toMatchObject({ code: 0, id: SHOP })
    await using two = await serving(project(SHOP, 'Shop\u001b[2J'), project(DEMO, 'Demo'))
    const { code, stderr } = await asked(two, [])
    expect(code).toBe(2)
    expect(stderr).toContain(`${SHOP}  Shop\ufffd[2J\n  ${DEMO}  Demo`)
    expect(await asked(two, ['--project', 'nothing'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Demo'),
    })
    await using none = await serving()
    expect(await asked(none, [])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('projects create'),
    })
  })

  test('that two are called the same, is asked for by its id', async () => {
    await using server = await serving(project(SHOP, 'Shop'), project(DEMO, 'Shop'))
    expect(await asked(server, ['--project', 'Shop'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('give the id'),
    })
  })

  test('is the chosen one, at the server where it was chosen and at no other', async () => {
    using home = folder()
    const env = { XDG_CONFIG_HOME: home.path('config') }
    await using server = await serving(project(SHOP, 'Shop'), project(DEMO, 'Demo'))
    await using other = await serving(project(SHOP, 'Shop'), project(DEMO, 'Demo'))
    server.answers.set(`GET /projects/${DEMO}`, { status: 200, body: project(DEMO, 'Demo') })
    expect(await run(server, ['projects', 'use', 'Demo'], env)).toMatchObject({ code: 0 })
    expect(await asked(server, [], env)).toMatchObject({ code: 0, id: DEMO })
    expect(await asked(server, ['--project', 'Shop'], env)).toMatchObject({ id: SHOP })
    expect(await asked(other, [], env)).toMatchObject({ code: 2 })
    expect((await run(server, ['projects', 'list'], env)).stdout).toContain(
      'Demo  dev          enforce  1       chosen',
    )
  })
})

describe('projects', () => {
  test('are listed in all their pages', async () => {
    await using server = await serving()
    server.answers.set('GET /projects?limit=200', page([project(SHOP, 'Shop')], 'next'))
    server.answers.set('GET /projects?limit=200&cursor=next', page([project(DEMO, 'Demo')]))
    expect((await run(server, ['projects', 'list', '--json'])).lines).toMatchObject([
      { items: [{ name: 'Shop' }, { name: 'Demo' }], next_cursor: null },
    ])
  })

  test('are in colours on a terminal, and plain where that is not wanted or there is none', async () => {
    await using server = await serving(project(SHOP, 'Shop'))
    const list = (terminal: boolean, env = {}) =>
      ran(['projects', 'list', '--api', server.url], {
        terminal,
        env: { MCPSHIELD_TOKEN: server.token(), ...env },
      })
    expect((await list(true)).stdout).toContain('\u001b[1mname')
    for (const plain of [
      await list(false),
      await list(true, { NO_COLOR: '1' }),
      await list(true, { TERM: 'dumb' }),
    ])
      expect(plain.stdout).not.toContain('\u001b')
  })

  test('are made; that the plan has no room is an answer, a wrong field a usage error that is named', async () => {
    await using server = await serving()
    server.answers.set('POST /projects', { status: 201, body: project(SHOP, 'Shop') })
    const create = [
      'projects',
      'create',
      'Shop',
      '--environment',
      'prod',
      '--infrastructure',
      'postgresql,redis',
    ]
    expect(await run(server, create)).toMatchObject({ code: 0, stdout: expect.stringContaining(SHOP) })
    expect(server.asked.at(-1)?.body).toEqual({
      name: 'Shop',
      environment: 'prod',
      infrastructure: ['postgresql', 'redis'],
    })
    server.answers.set('POST /projects', { status: 402, body: { detail: 'The plan has no room.' } })
    expect(await run(server, create)).toMatchObject({ code: 1, stderr: 'mcpshield: The plan has no room.\n' })
    const errors = [{ path: 'name', message: 'Too long' }]
    server.answers.set('POST /projects', {
      status: 400,
      body: { detail: 'Some fields are not valid.', errors },
    })
    expect(await run(server, create)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('name: Too long'),
    })
    expect(await run(server, ['projects', 'create', 'Shop', '--environment', 'moon'])).toMatchObject({
      code: 2,
    })
  })
})

describe('keys', () => {
  const key = (id: string, name: string, more = {}) => ({
    id,
    name,
    prefix: 'mcps_abc',
    labels: [],
    upstreams: null,
    killed: false,
    expires_at: null,
    last_used_at: null,
    revoked_at: null,
    ...more,
  })
  const at = `/projects/${SHOP}/keys`
  const of = ['--project', SHOP]

  test('are made with what they may, and are alone on standard output', async () => {
    await using server = await serving()
    server.answers.set(`POST ${at}`, { status: 201, body: { ...key('k1', 'ci'), api_key: 'mcps_secret' } })
    const { code, stdout, stderr } = await run(server, [
      ...['keys', 'create', 'ci', '--label', 'a', '--label', 'b'],
      ...['--upstreams', 'files', '--expires-in-days', '2', ...of],
    ])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'mcps_secret\n' })
    expect(stderr).not.toContain('mcps_secret')
    const { expires_at, ...body } = server.asked.at(-1)?.body as { expires_at: string }
    expect(body).toEqual({ name: 'ci', labels: ['a', 'b'], upstreams: ['files'] })
    expect(Date.parse(expires_at) - Date.now()).toBeGreaterThan(47 * 3_600_000)
    server.answers.set(`POST ${at}`, { status: 403, body: { detail: 'Your role here is viewer.' } })
    expect(await run(server, ['keys', 'create', 'ci', ...of])).toMatchObject({ code: 1, stdout: '' })
    server.answers.set(`POST ${at}`, { status: 201, body: { ...key('k1', 'ci'), api_key: 'x\ny' } })
    expect(await run(server, ['keys', 'create', 'ci', ...of])).toMatchObject({ code: 3, stdout: '' })
  })

  test('are listed with their state, those that were revoked when they are asked for', async () => {
    await using server = await serving()
    const all = [
      key('k1', 'good'),
      key('k2', 'old', { expires_at: '2020-01-01T00:00:00Z' }),
      key('k3', 'off', { killed: true }),
      key('k4', 'gone', { revoked_at: '2020-01-01T00:00:00Z' }),
    ]
    server.answers.set(`GET ${at}?limit=200`, page(all))
    const { stdout } = await run(server, ['keys', 'list', ...of])
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/)[3])).toEqual([
      'state',
      'good',
      'expired',
      'killed',
      undefined,
    ])
    expect((await run(server, ['keys', 'list', '--all', ...of])).stdout).toContain('revoked')
  })

  test('are revoked by id or name; of two of a name none is', async () => {
    await using server = await serving()
    server.answers.set(`GET ${at}?limit=200`, page([key('k1', 'ci'), key('k2', 'twin'), key('k3', 'twin')]))
    server.answers.set(`DELETE ${at}/k1`, { status: 204 })
    expect(await run(server, ['keys', 'revoke', 'ci', ...of])).toMatchObject({ code: 0 })
    expect(await run(server, ['keys', 'revoke', 'k1', ...of])).toMatchObject({ code: 0 })
    const asked = server.asked.length
    expect(await run(server, ['keys', 'revoke', 'twin', ...of])).toMatchObject({ code: 2 })
    expect(await run(server, ['keys', 'revoke', 'nobody', ...of])).toMatchObject({ code: 1 })
    expect(server.asked.slice(asked).some(({ method }) => method === 'DELETE')).toBe(false)
  })
})
