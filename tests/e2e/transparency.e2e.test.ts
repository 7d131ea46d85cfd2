// The gateway is invisible to an honest client: the same traffic, once with the server itself and once through the gateway
// under a policy that allows everything, is received the same, message by message.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { canonical, inOneOrder, shapeOf, type Names } from './canonical-tape.ts'
import type { Json } from './mcp-wire.ts'
import { startWorld, type World, type WorldProject } from './mcp-world.ts'
import { asDocumented, type Step } from './transparency-differences.ts'
import { record, type Plan, type StepTape } from './transparency-traffic.ts'
import { SERVERS, type ServerUnderTest } from './transparency-servers.ts'
import { connectTaped, type ClientKind } from './taped-client.ts'

let world: World
let project: WorldProject

beforeAll(async () => {
  world = await startWorld(22_100)
  project = await world.project('transparency')
  await project.policy('{ method: "*", tool: "*", decision: allow }')
})
afterAll(() => world?.[Symbol.asyncDispose]())

const CAPABILITIES = ['full', 'empty'] as const

describe.each(SERVERS)('$name', (server: ServerUnderTest) => {
  for (const era of server.eras)
    test.for(CAPABILITIES)(`a ${era} client with %s capabilities receives the same`, async (capabilities) => {
      const kind: ClientKind = { era, capabilities, roots: server.roots ?? ['file:///home/ada'] }
      const direct = await recordDirect(server, kind)
      const through = await recordThrough(server, kind, direct.plan)
      const isPipe = direct.steps.some(({ heard }) => heard.some(({ on }) => on === 'pipe'))
      expect(direct.steps.length).toBeGreaterThan(10)
      const other = received(through.steps, isPipe).map(asDocumented)
      const own = received(direct.steps, isPipe).map(asDocumented)
      expect(differing(other, own)).toEqual(differing(own, other))
    })
})

async function recordDirect(server: ServerUnderTest, kind: ClientKind) {
  await using running = await server.start(kind.era)
  return await record(running.place, kind, { manners: server.manners })
}

async function recordThrough(server: ServerUnderTest, kind: ClientKind, plan: Plan) {
  await using running = await server.start(kind.era)
  const slug = `${server.slug}-${kind.era}-${kind.capabilities}`.slice(0, 24)
  const { place } = running
  const transport = 'url' in place ? 'http' : 'stdio'
  const { id } = await project.send<{ id: string }>('POST', '/upstreams', { slug, transport, ...place })
  try {
    await untilServed(slug, kind)
    return await record({ url: project.url(slug), key: project.key.secret }, kind, plan)
  } finally {
    await project.send('DELETE', `/upstreams/${id}`)
  }
}

/**
 * Nobody else asks the server meanwhile: what one process of the modern era says without telling for whom is kept from
 * everybody for a while after another client's request.
 */
async function untilServed(slug: string, kind: ClientKind): Promise<void> {
  await vi.waitFor(async () => {
    const client = await connectTaped({ url: project.url(slug), key: project.key.secret }, kind)
    await client.close()
  }, IN_FORCE)
}

const IN_FORCE = { timeout: 15_000, interval: 50 }

function received(steps: StepTape[], isPipe: boolean): Step[] {
  const names: Names = new Map()
  return steps.map(({ name, byShape, heard }) => {
    const { onRequests, aside } = isPipe ? inOneOrder(heard, names) : canonical(heard, names)
    return byShape
      ? { name, onRequests: shapeOf(onRequests) as Json[], aside: shapeOf(aside) as Json[] }
      : { name, onRequests, aside }
  })
}

/** Those steps in which the two differ: of some hundreds, few are to be read. */
function differing(steps: Step[], others: Step[]): Step[] {
  return steps.filter((step, index) => JSON.stringify(step) !== JSON.stringify(others[index]))
}
