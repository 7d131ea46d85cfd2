import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bus } from '@mcpshield/bus/connect'
import { AppError } from '@mcpshield/contracts/errors'
import { auth } from '@mcpshield/contracts/auth'
import type { flow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { createLog } from '@mcpshield/runtime/log'
import { startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { Config } from '../src/config.ts'
import { start } from '../src/start.ts'

const stack = new AsyncDisposableStack()
let nats: TestBus
let owner: Bus<(typeof flow)['projects']>
let api: string

beforeAll(async () => {
  nats = stack.use(await startTestBus())
  owner = stack.use(await nats.connect('projects'))
  const config = Config.parse({
    NATS_URL: nats.url,
    NATS_CREDS: nats.creds('rest-gateway'),
    API_PORT: '0',
  })
  const service = stack.use(await start(config, createLog('rest-gateway', { level: 'fatal' })))
  api = service.address
})
afterAll(() => stack.disposeAsync())

const version = {
  version: 3,
  policy_yaml: 'version: 1\n',
  hash: '0',
  note: null,
  author_id: null,
  created_at: new Date().toISOString(),
  diagnostics: [],
}

test('a key works over the bus as soon as it is made, and is refused within a second of its revocation', async () => {
  const project_id = randomUUID()
  await owner.serve(
    'projects',
    { getPolicy: projects.rpc.getPolicy },
    {
      async getPolicy(input, { caller }) {
        if (caller.kind !== 'key' || caller.project_id !== input.project_id)
          throw new AppError('NOT_FOUND', 'There is no such project.')
        return version
      },
    },
  )
  const ask = (project: string) =>
    fetch(`${api}/projects/${project}/policy`, { headers: { 'x-api-key': 'mcps_one' } })
  expect((await ask(project_id)).status).toBe(401)
  const keys = await owner.writer(projects.kv.keys)
  const digest = createHash('sha256').update('mcps_one').digest('hex')
  await keys.put(digest, {
    key_id: randomUUID(),
    project_id,
    org_id: randomUUID(),
    name: 'k',
    labels: [],
    upstreams: null,
    expires_at: null,
  })
  await expect.poll(async () => (await ask(project_id)).status, { timeout: 1_000, interval: 20 }).toBe(200)
  const answer = await ask(project_id)
  expect(answer.headers.get('etag')).toBe('"3"')
  expect(await answer.json()).toEqual(version)
  expect((await ask(randomUUID())).status).toBe(404)
  const startedMs = performance.now()
  await keys.remove(digest)
  await expect.poll(async () => (await ask(project_id)).status, { timeout: 1_000, interval: 20 }).toBe(401)
  expect(performance.now() - startedMs).toBeLessThan(1_000)
})

test('the owner’s refusal of a field reaches the client; a service that does not run is 503', async () => {
  await using people = await nats.connect('auth')
  const login = (body: object) =>
    fetch(`${api}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const good = { email: 'a@example.com', password: 'x' }
  expect((await login(good)).status).toBe(503)
  await people.serve(
    'auth',
    { createSession: auth.rpc.createSession },
    {
      async createSession(_input, { caller }) {
        expect(caller).toMatchObject({ kind: 'anonymous', address: '127.0.0.1' })
        throw new AppError('UNAUTHENTICATED', 'No.')
      },
    },
  )
  expect((await login(good)).status).toBe(401)
  const unknown = await login({ ...good, admin: true })
  expect(unknown.status).toBe(400)
  expect(await unknown.json()).toMatchObject({
    errors: [{ path: 'admin' }],
  })
  const health = await fetch(`${api}/health`)
  expect(health.status).toBe(503)
  expect(await health.json()).toMatchObject({ dependencies: { nats: { ok: true }, ingest: { ok: false } } })
})
