// Real stores, reached by a name that the operator lets be connected to: what is bounded still works.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { egressBound } from '@mcpshield/oauth/egress-bound'
import { freshDatabase, freshRedis, type Fresh } from '@mcpshield/testkit/fresh'
import { startMariadb, whyNoMariadb } from '@mcpshield/testkit/mariadb'
import { startMongodb } from '@mcpshield/testkit/mongodb'
import { openConnectors } from '../src/connectors/connectors.ts'
import type { ConnectionSpec } from '../src/connectors/connector.ts'
import { reachWithin } from '../src/reach.ts'
import type { ProjectRuntime } from '../src/runtimes.ts'
import { tryConnection } from '../src/trials.ts'

const mariadb = (await whyNoMariadb()) === undefined ? await startMariadb() : undefined
const mongodb = await startMongodb()
let postgres: Fresh
let redis: Fresh
beforeAll(async () => {
  postgres = await freshDatabase()
  redis = await freshRedis()
})
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
  await mariadb?.[Symbol.asyncDispose]()
  await mongodb?.[Symbol.asyncDispose]()
})

const KINDS: [ConnectionSpec['kind'], () => string | undefined][] = [
  ['postgresql', () => postgres.url],
  ['redis', () => redis.url],
  ['mysql', () => mariadb?.url],
  ['mongodb', () => mongodb?.url],
]

describe.for(KINDS)('%s', ([kind, urlOf]) => {
  /** By a name that leads to it. */
  async function tryBound(bound: string) {
    const given = new URL(urlOf() ?? '')
    const url = new URL(given)
    url.hostname = 'store.example'
    if (kind === 'mongodb') {
      url.pathname = '/shop'
      url.searchParams.set('serverSelectionTimeoutMS', '1000')
    }
    const spec: ConnectionSpec = { name: 'store', kind, url: url.href, path: null, options: {} }
    const address = given.hostname === 'localhost' ? '127.0.0.1' : given.hostname
    const reach = reachWithin(egressBound(bound), () => Promise.resolve([address]))
    await using connectors = openConnectors([spec], undefined, reach)
    return await tryConnection({ connectors } as ProjectRuntime, 'store')
  }

  test('answers where its name is allowed, and is not asked where it is not', async ({ skip }) => {
    if (urlOf() === undefined) return skip()
    expect(await tryBound('*.example')).toMatchObject({ ok: true, detail: 'It answered.' })
    expect(await tryBound('other.example')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('(UPSTREAM_EGRESS)'),
    })
  })
})
