// `wrap --project`: the policy of a project, and decisions that reach its audit trail whatever happens on the way.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { openProject } from '../src/project-access.ts'
import { environment } from '../src/config.ts'
import { NO_SYSTEMS } from '../src/systems-file.ts'
import type { World } from '../src/world.ts'
import { projectPolicy } from '../src/wrap/project-policy.ts'
import { folder, mcpshield } from './command.ts'
import { KEY, PROJECT, startProjectServer, type ProjectServer } from './project-server.ts'
import { decisionOf, textOf, wrapped } from './wrapped.ts'

vi.setConfig({ testTimeout: 30_000 })

const policy = `version: 1
rules:
  - { id: no-hidden, tool: box/hidden, decision: deny }
  - { id: any, tool: 'box/*', decision: allow }
`
const SOON = { timeout: 10_000 }

/** A home of its own for each test. */
function home() {
  const files = folder({ 'policy.yaml': policy })
  return {
    files,
    path: files.path,
    spool: () => spooled(files.path('state/mcpshield/events')),
    start: (server: { url: string }, args: string[] = [], env: Record<string, string> = {}) =>
      wrapped(policy, ['--project', PROJECT, ...args], undefined, {
        MCPSHIELD_API_URL: server.url,
        MCPSHIELD_API_KEY: KEY,
        XDG_STATE_HOME: files.path('state'),
        ...env,
      }),
    [Symbol.dispose]: () => files[Symbol.dispose](),
  }
}

function spooled(path: string): string[] {
  if (!existsSync(path)) return []
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.includes('.jsonl'),
  )
  return files.map((file) => join(path, file))
}

const toolsOf = ({ events }: ProjectServer) =>
  [...events.values()].map(({ tool, decision, metadata }) => [tool, decision, metadata?.['outcome']])

describe('decisions', () => {
  test('are reported with what came of them, without secrets, by the project’s key', async () => {
    using at = home()
    await using server = await startProjectServer(policy)
    await using client = at.start(server)
    await client.ask('i', 'initialize', { clientInfo: { name: 'tester' } })
    await client.call(1, 'echo', { text: 'ann@example.com' })
    await client.call(2, 'hidden')
    await client.call(3, 'fails')
    const names = JSON.parse(textOf(await client.call(4, 'env')) ?? '') as string[]
    expect(names.filter((name) => name.startsWith('MCPSHIELD'))).toEqual([])
    await expect
      .poll(() => toolsOf(server), SOON)
      .toEqual([
        ['box/echo', 'allow', 'ok'],
        ['box/hidden', 'deny', undefined],
        ['box/fails', 'allow', 'error'],
        ['box/env', 'allow', 'ok'],
      ])
    const [first] = server.events.values()
    expect(first).toMatchObject({
      type: 'policy_check',
      rule: 'any',
      metadata: {
        method: 'tools/call',
        agent: 'tester',
        wrapped: 'box',
        arguments: { text: '[redacted:email]' },
      },
    })
    expect(server.requests.every(({ headers }) => headers['x-api-key'] === KEY)).toBe(true)
    for (const file of at.spool()) expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('outlast an outage of the server and the end of the command, and are sent by the next one', async () => {
    using at = home()
    const gone = await startProjectServer(policy)
    await gone[Symbol.asyncDispose]()
    {
      await using client = at.start(gone)
      expect(textOf(await client.call(1, 'echo', { text: 'goes on' }))).toBe('goes on')
      expect(textOf(await client.call(2, 'echo', { text: 'and on' }))).toBe('and on')
      await expect.poll(() => client.stderr(), SOON).toContain('decisions cannot be sent')
      client.child.stdin.end()
      await client.ended
    }
    expect(at.spool()).toHaveLength(1)
    await using server = await startProjectServer(policy, Number(new URL(gone.url).port))
    await using client = at.start(server)
    await expect
      .poll(() => toolsOf(server), SOON)
      .toEqual([
        ['box/echo', 'allow', 'ok'],
        ['box/echo', 'allow', 'ok'],
      ])
    client.child.stdin.end()
    await client.ended
    expect(at.spool()).toEqual([])
  })

  test('outlast a command that is killed', async () => {
    using at = home()
    const gone = await startProjectServer(policy)
    await gone[Symbol.asyncDispose]()
    const killed = at.start(gone)
    expect(textOf(await killed.call(1, 'echo', { text: 'last words' }))).toBe('last words')
    killed.child.kill('SIGKILL')
    await killed.ended
    await using server = await startProjectServer(policy, Number(new URL(gone.url).port))
    await using client = at.start(server)
    await expect.poll(() => toolsOf(server), SOON).toEqual([['box/echo', 'allow', 'ok']])
    await client.ask(1, 'ping')
    await killed[Symbol.asyncDispose]()
  })

  test('that the server refuses are kept, it is said once, and they are sent when it takes them', async () => {
    using at = home()
    await using server = await startProjectServer(policy)
    const ingests = () => server.requests.filter(({ path }) => path === '/events/ingest').length
    server.instead = (path) =>
      path === '/events/ingest' ? { status: 402, body: { detail: 'Not today.' } } : undefined
    await using client = at.start(server)
    for (const id of [1, 2]) await client.call(id, 'echo', { text: 'goes on' })
    await expect.poll(ingests, SOON).toBeGreaterThan(0)
    const said = () => client.stderr().match(/does not take decisions \(402\): Not today\./g)
    await expect.poll(said, SOON).toHaveLength(1)
    server.instead = () => undefined
    await expect.poll(() => server.events.size, SOON).toBe(2)
    expect(said()).toHaveLength(1)
  })

  test('that it will never take are set aside, and hold up no other', async () => {
    using at = home()
    await using server = await startProjectServer(policy)
    server.instead = (path, body) =>
      path === '/events/ingest' && JSON.stringify(body).includes('poison')
        ? { status: 400, body: { detail: 'One is not valid.' } }
        : undefined
    await using client = at.start(server)
    for (const [id, text] of ['a', 'poison', 'b', 'c'].entries()) await client.call(id, 'echo', { text })
    await expect.poll(() => server.events.size, SOON).toBe(3)
    const refused = () => at.spool().filter((file) => file.endsWith('.refused'))
    await expect.poll(refused, SOON).toHaveLength(1)
    expect(readFileSync(refused()[0] ?? '', 'utf8')).toContain('poison')
  })

  test('that can neither be kept nor sent let nothing run; one of the two is enough', async () => {
    using at = home()
    const gone = await startProjectServer(policy)
    await gone[Symbol.asyncDispose]()
    const nowhere = { XDG_STATE_HOME: at.path('policy.yaml') }
    {
      await using client = at.start(gone, [], nowhere)
      const denied = await client.call(1, 'echo', { text: 'canary' })
      expect(textOf(denied)).toContain('could be neither kept')
      expect(decisionOf(denied)).toMatchObject({ decision: 'deny' })
      expect(client.received()).not.toContain('canary')
    }
    await using server = await startProjectServer(policy)
    await using client = at.start(server, [], nowhere)
    expect(textOf(await client.call(1, 'echo', { text: 'sent' }))).toBe('sent')
    expect(server.events.size).toBe(1)
  })
})

describe('without --policy', () => {
  const start = (at: ReturnType<typeof home>, url: string, key = KEY) =>
    mcpshield(['wrap', '--project', PROJECT, '--name', 'box', '--pins', 'none', '--', 'true'], {
      env: { MCPSHIELD_API_URL: url, MCPSHIELD_API_KEY: key, XDG_STATE_HOME: at.path('state') },
    })

  test('the project’s policy decides; where it cannot be had at the start there is none', async () => {
    using at = home()
    await using server = await startProjectServer(policy)
    expect((await start(at, server.url)).code).toBe(0)
    const unknown = await start(at, server.url, 'mcps_other')
    expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('401') as string })
    server.policy = { version: 2, policy_yaml: 'version: 9\n' }
    expect(await start(at, server.url)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('does not understand') as string,
    })
    const url = server.url
    await server[Symbol.asyncDispose]()
    expect(await start(at, url)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('cannot be reached') as string,
    })
  })

  test('a change is in force with the next look; one that is taken back decides nothing more', async () => {
    using at = home()
    await using server = await startProjectServer(policy)
    const told: string[] = []
    const world = worldOf({ MCPSHIELD_API_URL: server.url, MCPSHIELD_API_KEY: KEY })
    const deps = { access: await openProject(world, PROJECT), project: PROJECT, systems: NO_SYSTEMS }
    using current = await projectPolicy({ ...deps, tell: (message) => told.push(message), everyMs: 20 })
    const word = () => {
      const found = current.source()
      if ('unavailable' in found) return found.unavailable
      const call = { method: 'tools/call', tool: 'box/echo', arguments: {} }
      return [found.version, found.decisions.decide(call, {}).decision.decision]
    }
    expect(word()).toEqual([1, 'allow'])
    server.policy = { version: 2, policy_yaml: 'version: 1\n' }
    await expect.poll(word).toEqual([2, 'deny'])
    server.instead = () => ({ status: 503, body: { detail: 'A moment.' } })
    await expect.poll(() => told).toEqual([expect.stringContaining('A moment.')])
    expect(word()).toEqual([2, 'deny'])
    server.instead = () => ({ status: 401, body: { detail: 'Revoked.' } })
    await expect.poll(word).toBe('The server gives no policy (401): Revoked.')
    server.instead = () => undefined
    server.policy = { version: 3, policy_yaml: policy }
    await expect.poll(word).toEqual([3, 'allow'])
    expect(at.spool()).toEqual([])
  })

  test('a policy that nobody could look at for too long decides nothing more', async () => {
    await using server = await startProjectServer(policy)
    const world = worldOf({ MCPSHIELD_API_URL: server.url, MCPSHIELD_API_KEY: KEY })
    const deps = { access: await openProject(world, PROJECT), project: PROJECT, systems: NO_SYSTEMS }
    using current = await projectPolicy({ ...deps, tell: () => undefined, everyMs: 10, keptForMs: 200 })
    server.instead = () => ({ status: 503, body: {} })
    expect(current.source()).toHaveProperty('decisions')
    await expect
      .poll(() => current.source())
      .toEqual({ unavailable: expect.stringContaining('too long') as string })
  })

  test('nor --project there is nothing to decide by', async () => {
    expect(await mcpshield(['wrap', '--', 'true'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--project') as string,
    })
    const named = await mcpshield(['wrap', '--project', '../x', '--', 'true'], {
      env: { MCPSHIELD_API_KEY: KEY },
    })
    expect(named).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not the id of a project') as string,
    })
  })
})

describe('with the login of this machine', () => {
  test('a key that reaches no upstream is made once, and kept where only its owner reads it', async () => {
    using at = home()
    await using server = await startProjectServer(policy)
    const config = at.path('config')
    mkdirSync(join(config, 'mcpshield'), { recursive: true })
    writeFileSync(
      join(config, 'mcpshield/login.json'),
      JSON.stringify({
        api: server.url,
        email: 'ada@example.com',
        access_token: 'a token',
        refresh_token: 'another',
        expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      }),
    )
    const env = { XDG_STATE_HOME: at.path('state'), XDG_CONFIG_HOME: config }
    const run = () =>
      mcpshield(['wrap', '--project', PROJECT, '--name', 'box', '--pins', 'none', '--', 'true'], { env })
    expect(await run()).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('made the API key') as string,
    })
    expect(await run()).toMatchObject({ code: 0, stderr: '' })
    const made = server.requests.filter(({ path }) => path.endsWith('/keys'))
    expect(made).toMatchObject([{ headers: { authorization: 'Bearer a token' }, body: { upstreams: [] } }])
    const keys = at.path('state/mcpshield/keys')
    const [file] = readdirSync(keys)
    expect(statSync(join(keys, file ?? '')).mode & 0o777).toBe(0o600)
    server.instead = (path) => (path.endsWith('/keys') ? { status: 403, body: { detail: 'No.' } } : undefined)
    writeFileSync(join(keys, file ?? ''), '{}')
    expect(await run()).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('administrators') as string,
    })
  })
})

function worldOf(variables: Record<string, string>): World {
  const { stdin, stdout, stderr } = process
  return { stdin, stdout, stderr, environment: environment(variables) }
}
