// What is connected to, and what never is, where an operator bounds it. A trap counts every connection that comes.
import { EventEmitter } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { MongoClient } from 'mongodb'
import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { egressBound } from '@mcpshield/oauth/egress-bound'
import { connectUpstream } from '@mcpshield/upstream/connect'
import type { Speaker } from '@mcpshield/upstream/upstream'
import { openConnectors } from '../src/connectors/connectors.ts'
import type { ConnectionSpec } from '../src/connectors/connector.ts'
import { boundMembers } from '../src/connectors/mongodb-reach.ts'
import { CONNECTOR_TOOLS, type ConnectorToolName } from '../src/connectors/tools.ts'
import { reachWithin } from '../src/reach.ts'
import { tryConnection } from '../src/trials.ts'
import type { ProjectRuntime } from '../src/runtimes.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

/** Hangs up on whoever connects. */
async function trap() {
  const counted = { connections: 0, port: 0 }
  const server = createServer((socket: Socket) => {
    counted.connections++
    socket.on('error', () => undefined).destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  counted.port = (server.address() as AddressInfo).port
  open.push({ [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) })
  return counted
}

const leadsTo = (text: string, ...answers: string[][]) =>
  reachWithin(egressBound(text), () => Promise.resolve(answers.shift() ?? ['127.0.0.1']))
const refused = { code: 'PERMISSION_DENIED', message: expect.stringContaining('(UPSTREAM_EGRESS)') }

describe('an upstream', () => {
  const speaker: Speaker = {
    id: 'one',
    subject: 'one',
    era: 'modern',
    clientInfo: { name: 'tester', version: '1' },
    capabilities: {},
    onNotification: () => undefined,
    onRequest: () => Promise.resolve({ error: { code: 1, message: 'no' } }),
  }
  const reach = (host: string, port: number, within: ReturnType<typeof leadsTo>) => {
    const url = `http://${host}:${port}/mcp`
    const spec = { slug: 'up', transport: 'http', url, headers: {}, reach: within } as const
    const upstream = connectUpstream(spec, pino({ level: 'silent' }))
    open.push(upstream)
    return upstream.peer(speaker)
  }

  test.for(['127.0.0.1', '[::ffff:127.0.0.1]', '2130706433', 'localhost', 'trap.example'])(
    'at %s is not connected to where public alone is allowed',
    async (host) => {
      const there = await trap()
      await expect(reach(host, there.port, leadsTo('public'))).rejects.toMatchObject(refused)
      expect(there.connections).toBe(0)
    },
  )

  test('of an allowed name is connected to at the address that was looked at', async () => {
    const there = await trap()
    await expect(reach('mcp.example', there.port, leadsTo('mcp.example'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(there.connections).toBeGreaterThan(0)
  })

  test('is looked up anew for each connection: a name that leads elsewhere later does not lead there', async () => {
    const there = await trap()
    const within = leadsTo('127.0.0.1', ['127.0.0.1'], ['10.255.255.1'])
    const again = () => reach('rebinding.example', there.port, within)
    await expect(again()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(again()).rejects.toMatchObject(refused)
    expect(there.connections).toBe(1)
  })

  test('that cannot be looked up is unavailable, not forbidden', async () => {
    const within = reachWithin(egressBound('public'), () => Promise.reject(new Error('ENOTFOUND')))
    await expect(reach('nowhere.example', 80, within)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe.for([
  ['postgresql', 'postgres.query', 'postgres://u:p@HOST/shop'],
  ['mysql', 'mysql.query', 'mysql://u:p@HOST/shop'],
  ['mongodb', 'mongodb.count', 'mongodb://HOST/shop?serverSelectionTimeoutMS=500'],
  ['redis', 'redis.command', 'redis://HOST/0'],
] as const)('a connection of kind %s', ([kind, tool, url]) => {
  const tryAt = (host: string, within: ReturnType<typeof leadsTo>) => {
    const spec: ConnectionSpec = {
      name: 'store',
      kind,
      url: url.replace('HOST', host),
      path: null,
      options: {},
    }
    const connectors = openConnectors([spec], undefined, within)
    open.push(connectors)
    expect(CONNECTOR_TOOLS[tool satisfies ConnectorToolName].kind).toBe(kind)
    return tryConnection({ connectors } as ProjectRuntime, 'store')
  }

  test.for(['127.0.0.1', 'localhost', 'trap.example'])(
    'at %s is not connected to where public alone is allowed',
    async (host) => {
      const there = await trap()
      const { ok, detail } = await tryAt(`${host}:${there.port}`, leadsTo('public'))
      expect({ ok, detail }).toEqual({ ok: false, detail: expect.stringContaining('(UPSTREAM_EGRESS)') })
      expect(there.connections).toBe(0)
    },
  )

  test.for(['127.0.0.1', 'store.example'])(
    'at %s is connected to where its address is allowed',
    async (host) => {
      const there = await trap()
      const { detail } = await tryAt(`${host}:${there.port}`, leadsTo('127.0.0.0/8'))
      expect(detail).not.toContain('UPSTREAM_EGRESS')
      expect(there.connections).toBeGreaterThan(0)
    },
  )
})

test('a member that a MongoDB server names by a forbidden address ends all use of the connection', async () => {
  const within = leadsTo('127.0.0.1')
  const members = boundMembers(within ?? (() => Promise.reject(new Error('unbounded'))))
  const client = Object.assign(new EventEmitter(), { options: { hosts: [{ host: 'localhost' }] } })
  members.watch(client as unknown as MongoClient)
  client.emit('serverOpening', { address: '127.0.0.1:27017' })
  await members.check()
  client.emit('serverOpening', { address: '[::ffff:10.1.2.3]:27017' })
  await expect(members.check()).rejects.toMatchObject(refused)
})
