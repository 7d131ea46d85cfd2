// A project's systems behind the operator's bounds: what a person who tries them is told, and what goes on beside them.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Runtime } from '@mcpshield/contracts/projects'
import type { Snapshots } from '@mcpshield/pdp/snapshots'
import { egressBound } from '@mcpshield/oauth/egress-bound'
import { reachWithin } from '../src/reach.ts'
import { connectRuntimes } from '../src/runtimes.ts'
import { tryConnection, tryUpstream } from '../src/trials.ts'
import { commandBound } from '../src/upstream-commands.ts'
import { Config } from '../src/config.ts'
import { noLog } from './instances.ts'

const PROJECT = '019a0000-0000-7000-8000-000000000001'
const NODE = process.execPath

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

/** Counts requests; answers each by sending it elsewhere. */
async function startServer(location = '') {
  const counted = { requests: 0, url: '' }
  const server = createServer((_request, response) => {
    counted.requests++
    response.writeHead(307, { location }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  counted.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  open.push({ [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) })
  return counted
}

type Systems = { url?: string; command?: string; store?: string; egress?: string; commands?: string }

function projectWith({ url = '', command, store, egress = 'any', commands = 'any' }: Systems) {
  const upstream = {
    id: PROJECT,
    slug: 'up',
    headers: {},
    args: ['-e', 'process.exit(3)'],
    env: {},
    oauth: false,
    ...(command === undefined
      ? { transport: 'http' as const, url, command: null }
      : { transport: 'stdio' as const, url: null, command }),
  }
  const connection = { name: 'store', kind: 'redis' as const, url: store ?? '', path: null, options: {} }
  const runtimes = connectRuntimes({
    snapshots: { onChange: () => undefined } as unknown as Snapshots,
    load: () =>
      Promise.resolve({
        runtime_version: 1,
        upstreams: [upstream],
        connections: store === undefined ? [] : [connection],
      } as unknown as Runtime),
    pins: () => undefined,
    reportTools: () => Promise.resolve({}),
    tokens: () => ({ token: () => Promise.resolve(''), renew: () => Promise.resolve('') }),
    upstreamPath: '/usr/bin:/bin',
    reach: reachWithin(egressBound(egress)),
    commands: commandBound(commands),
    log: noLog,
  })
  open.push(runtimes)
  return runtimes.of(PROJECT)
}

describe('trying an upstream', () => {
  test('out of bounds reaches nobody, and the person learns which variable bounds it', async () => {
    const server = await startServer()
    const trial = await tryUpstream(await projectWith({ url: server.url, egress: 'public' }), 'up')
    expect(trial).toMatchObject({ ok: false, detail: expect.stringContaining('(UPSTREAM_EGRESS)') })
    expect(server.requests).toBe(0)
  })

  test('within bounds reaches it, and no redirect of its leads anywhere else', async () => {
    const elsewhere = await startServer()
    const server = await startServer(elsewhere.url)
    const trial = await tryUpstream(await projectWith({ url: server.url, egress: '127.0.0.1' }), 'up')
    expect(trial).toMatchObject({ ok: false, detail: expect.not.stringContaining('UPSTREAM_EGRESS') })
    expect(server.requests).toBeGreaterThan(0)
    expect(elsewhere.requests).toBe(0)
  })

  test('of a command that is not named starts nothing, and says so; a named one is started', async () => {
    const detailOf = async (commands: string) =>
      (await tryUpstream(await projectWith({ command: NODE, commands }), 'up')).detail
    expect(await detailOf('none')).toContain('(UPSTREAM_COMMANDS)')
    expect(await detailOf('node')).toContain('(UPSTREAM_COMMANDS)')
    expect(await detailOf(NODE)).toContain('exit code 3')
  })

  test('does not take the other systems of the project along', async () => {
    const runtime = await projectWith({ command: NODE, commands: 'none', store: 'redis://127.0.0.1:1/0' })
    expect(await tryConnection(runtime, 'store')).toMatchObject({
      detail: expect.stringContaining('cannot be reached'),
    })
    expect(await tryUpstream(runtime, 'up')).toMatchObject({ ok: false })
  })
})

describe('the configuration', () => {
  const { UPSTREAM_EGRESS: egress, UPSTREAM_COMMANDS: commands } = Config.shape
  test('bounds nothing unless it is said', () => {
    expect([egress.parse(undefined), commands.parse(undefined)]).toEqual(['any', 'any'])
  })

  test('that cannot be read keeps the gateway from starting', () => {
    for (const text of ['any,public', '10.0.0.0/99', 'pubic!', '*'])
      expect(egress.safeParse(text).success, text).toBe(false)
    for (const text of ['any,npx', './npx']) expect(commands.safeParse(text).success, text).toBe(false)
    expect(egress.safeParse('public, *.corp.example, 10.1.0.0/16').success).toBe(true)
    expect(commands.safeParse('mcp-server-time,/opt/mcp/search').success).toBe(true)
  })
})
