import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { McpClient } from '../src/clients/client.ts'
import { CLIENTS } from '../src/clients/clients.ts'
import type { Finding } from '../src/doctor/finding.ts'
import { node } from '../src/doctor/here.ts'
import { startGateway } from './gateway-server.ts'
import { ran } from './in-process.ts'
import { install, machineOf, type FixtureMachine } from './machines.ts'

const PROJECT = '0194b2f0-0000-7000-8000-0000000000aa'

type State = {
  name: string
  dependencies: Record<string, { ok: boolean; detail?: string }>
  me: number
  evaluate: number
  aheadMs: number
}

async function apiServer(state: Partial<State> = {}) {
  const all: State = {
    name: 'MCPShield API',
    dependencies: { nats: { ok: true } },
    me: 200,
    evaluate: 401,
    aheadMs: 0,
    ...state,
  }
  const server = createServer((request, response) => {
    request.resume()
    const answers: Record<string, [number, object]> = {
      '/': [200, { name: all.name, version: '9' }],
      '/health': [200, { dependencies: all.dependencies }],
      '/me': [all.me, { email: 'ann@example.com', detail: 'It is over.' }],
      '/policy/evaluate': [all.evaluate, {}],
      [`/projects/${PROJECT}`]: [200, { id: PROJECT, name: 'Shop' }],
      '/projects?limit=200': [200, { items: [{ id: PROJECT, name: 'Shop' }], next_cursor: null }],
    }
    const [status, body] = answers[request.url ?? ''] ?? [404, {}]
    response.setHeader('date', new Date(Date.now() + all.aheadMs).toUTCString())
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function doctor(machine: FixtureMachine, api: string, mcp: string, env: Record<string, string> = {}) {
  const { code, lines } = await ran(['doctor', '--json', '--api', api, '--mcp', mcp], {
    machine,
    env: {
      XDG_STATE_HOME: join(machine.home, 'state'),
      XDG_CONFIG_HOME: join(machine.home, 'config'),
      ...env,
    },
  })
  const found = Object.fromEntries((lines as Finding[]).map((each) => [each.name, each]))
  return {
    code,
    found,
    wrong: (lines as Finding[]).filter(({ state }) => state === 'wrong').map(({ name }) => name),
  }
}

const LOGIN = JSON.stringify({
  api: 'http://127.0.0.1',
  email: 'ann@example.com',
  access_token: 'a',
  refresh_token: 'b',
  expires_at: '2099-01-01T00:00:00.000Z',
})

const cursor = CLIENTS.find(({ id }) => id === 'cursor') as McpClient

describe('doctor', () => {
  test('finds nothing wrong where all is well, and says what it looked at', async () => {
    await using api = await apiServer()
    await using gateway = await startGateway('mcps_good')
    using machine = machineOf('linux')
    const { file } = install(cursor, machine)
    writeFileSync(
      file,
      JSON.stringify({ mcpServers: { mcpshield: cursor.entry({ url: gateway.url, key: 'mcps_good' }, []) } }),
    )
    const env = { MCPSHIELD_TOKEN: 'a-token', MCPSHIELD_API_KEY: 'mcps_good' }
    const { code, found } = await doctor(machine, api.url, gateway.url, env)
    expect(code).toBe(0)
    expect(Object.values(found).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'node ok',
      'login ok',
      'api ok',
      'clock ok',
      'services ok',
      'decisions ok',
      'mcp ok',
      'MCPSHIELD_API_KEY ok',
      'Cursor ok',
    ])
  })

  test.for<[string, Partial<State>, string]>([
    ['another server at the address', { name: 'nginx' }, 'api'],
    [
      'a store that is down',
      { dependencies: { nats: { ok: true }, 'auth.postgres': { ok: false } } },
      'auth.postgres',
    ],
    ['a login that is over', { me: 401 }, 'login'],
    ['no decisions', { evaluate: 404 }, 'decisions'],
    ['a clock that is behind', { aheadMs: 120_000 }, 'clock'],
    ['a clock that is ahead', { aheadMs: -120_000 }, 'clock'],
  ])('names %s, and how to mend it', async ([, state, name]) => {
    await using api = await apiServer(state)
    await using gateway = await startGateway()
    using machine = machineOf('linux')
    const { code, found, wrong } = await doctor(machine, api.url, gateway.url, { MCPSHIELD_TOKEN: 'a-token' })
    expect({ code, wrong }).toEqual({ code: 1, wrong: [name] })
    expect(found[name]?.mend).toMatch(/.../)
  })

  test('names an API and a gateway that cannot be reached', async () => {
    using machine = machineOf('linux')
    const { code, wrong } = await doctor(machine, 'http://127.0.0.1:9', 'http://127.0.0.1:9/mcp')
    expect({ code, wrong }).toEqual({ code: 1, wrong: ['api', 'mcp'] })
  })

  test('names keys that the gateway refuses, and clients that lead elsewhere or cannot be read', async () => {
    await using api = await apiServer()
    await using gateway = await startGateway()
    using machine = machineOf('linux')
    const env = { MCPSHIELD_API_KEY: 'mcps_revoked' }
    const { file } = install(cursor, machine)
    const state = async (text: string) => {
      writeFileSync(file, text)
      const { found } = await doctor(machine, api.url, gateway.url, env)
      expect(found['MCPSHIELD_API_KEY']?.state).toBe('wrong')
      return found['Cursor']
    }
    const entry = (url: string) =>
      JSON.stringify({ mcpServers: { mcpshield: cursor.entry({ url, key: 'mcps_revoked' }, []) } })
    expect(await state('{}')).toMatchObject({ state: 'note', mend: 'run mcpshield connect cursor' })
    expect(await state(entry(gateway.url))).toMatchObject({
      state: 'wrong',
      mend: 'run mcpshield connect cursor',
    })
    expect(await state(entry('http://127.0.0.1:9/mcp'))).toMatchObject({
      state: 'wrong',
      detail: expect.stringContaining(`and not to ${gateway.url}`),
    })
    expect(await state('{"mcpServers": ')).toMatchObject({ state: 'wrong' })
    expect(await state('{"mcpServers":{"mcpshield":{}}}')).toMatchObject({ state: 'wrong' })
  })

  test('names a client whose entry is switched off, and a file that it may not read', async () => {
    await using api = await apiServer()
    await using gateway = await startGateway('mcps_good')
    using machine = machineOf('linux')
    const { file } = install(cursor, machine)
    const entry = { ...cursor.entry({ url: gateway.url, key: 'mcps_good' }, []), disabled: true }
    writeFileSync(file, JSON.stringify({ mcpServers: { mcpshield: entry } }))
    const off = await doctor(machine, api.url, gateway.url)
    expect(off.found['Cursor']).toMatchObject({ state: 'note', detail: expect.stringContaining('off') })
    rmSync(file)
    mkdirSync(file)
    const unread = await doctor(machine, api.url, gateway.url)
    expect(unread.found['Cursor']).toMatchObject({
      state: 'wrong',
      mend: `let your account read ${file}`,
    })
  })

  test('tells the address that is none from the gateway that does not run', async () => {
    await using api = await apiServer()
    using machine = machineOf('linux')
    const none = await doctor(machine, api.url, 'localhost')
    expect(none.found['mcp']).toMatchObject({ state: 'wrong', mend: expect.stringContaining('address') })
    const down = await doctor(machine, api.url, 'http://127.0.0.1:9/mcp')
    expect(down.found['mcp']).toMatchObject({ state: 'wrong', mend: expect.stringContaining('start it') })
  })

  test.for<[string, (path: string) => void, RegExp]>([
    ['is no login', (path) => writeFileSync(path, '{'), /^run mcpshield login /],
    ['cannot be read', (path) => mkdirSync(path), /^let it be read, or remove it and run mcpshield login /],
    ['others can read', (path) => writeFileSync(path, LOGIN, { mode: 0o644 }), /chmod 600/],
  ])('names a file of the login that %s', async ([, make, mend]) => {
    await using api = await apiServer()
    await using gateway = await startGateway()
    using machine = machineOf('linux')
    mkdirSync(join(machine.home, 'config/mcpshield'), { recursive: true })
    make(join(machine.home, 'config/mcpshield/login.json'))
    const env = { MCPSHIELD_TOKEN: 'a-token' }
    const { code, found, wrong } = await doctor(machine, api.url, gateway.url, env)
    expect({ code, wrong }).toEqual({ code: 1, wrong: ['login'] })
    expect(found['login']?.mend).toMatch(mend)
  })

  test.for<[string, string | undefined, string | undefined, string]>([
    ['is there, by its id', undefined, PROJECT, 'ok'],
    ['is there, by the name of the environment', 'shop', undefined, 'ok'],
    ['is gone', undefined, PROJECT.replace('aa', 'bb'), 'wrong'],
    ['is not there by that name', 'warehouse', undefined, 'wrong'],
    ['is no choice', undefined, '', 'wrong'],
  ])('looks at the chosen project that %s', async ([, named, kept, state]) => {
    await using api = await apiServer()
    await using gateway = await startGateway()
    using machine = machineOf('linux')
    if (kept !== undefined) {
      mkdirSync(join(machine.home, 'config/mcpshield'), { recursive: true })
      const text = kept === '' ? '{' : JSON.stringify({ api: api.url, id: kept, name: 'Shop' })
      writeFileSync(join(machine.home, 'config/mcpshield/project.json'), text)
    }
    const env = { MCPSHIELD_TOKEN: 'a-token', ...(named === undefined ? {} : { MCPSHIELD_PROJECT: named }) }
    const { found } = await doctor(machine, api.url, gateway.url, env)
    expect(found['project']).toMatchObject({ state })
    if (state === 'wrong')
      expect(found['project']?.mend).toContain(named === undefined ? 'projects use' : 'MCPSHIELD_PROJECT')
  })

  test('says that nobody is logged in without calling it wrong', async () => {
    await using api = await apiServer()
    await using gateway = await startGateway()
    using machine = machineOf('linux')
    const { code, found } = await doctor(machine, api.url, gateway.url)
    expect(code).toBe(0)
    expect(found['login']).toMatchObject({ state: 'note', mend: expect.stringContaining('mcpshield login') })
  })

  test('wants a Node that runs this', () => {
    expect(node('24.0.0').state).toBe('ok')
    expect(node('22.9.0')).toMatchObject({ state: 'wrong', mend: expect.stringContaining('npm install') })
  })
})
