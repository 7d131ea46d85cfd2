import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bus } from '@mcpshield/bus/connect'
import { AppError } from '@mcpshield/contracts/errors'
import { ACCESS_TOKEN } from '@mcpshield/contracts/access-token'
import { auth } from '@mcpshield/contracts/auth'
import type { flow } from '@mcpshield/contracts/flow'
import { ingest } from '@mcpshield/contracts/ingest'
import { projects } from '@mcpshield/contracts/projects'
import { createLog } from '@mcpshield/runtime/log'
import { startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { freshRedis } from '@mcpshield/testkit/fresh'
import { Config } from '../src/config.ts'
import { start } from '../src/start.ts'
import { auditEvent } from './audit-event.ts'

const signing = await generateKeyPair(ACCESS_TOKEN.algorithm, { crv: 'Ed25519' })
const kid = randomUUID()
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
    REDIS_URL: stack.use(await freshRedis()).url,
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
  expect(await health.json()).toMatchObject({
    dependencies: {
      nats: { ok: true },
      redis: { ok: true },
      ingest: { ok: false },
      billing: { ok: false },
      mailer: { ok: false },
    },
  })
})

test('an export is asked for piece by piece over the bus', async () => {
  await using owner = await nats.connect('ingest')
  await using people = await signedInPerson()
  await owner.serve(
    'ingest',
    { exportAudits: ingest.rpc.exportAudits },
    {
      async exportAudits({ cursor, format }) {
        const at = Number(cursor ?? 0)
        return { chunk: `${format} ${at}\n`, next_cursor: at === 2 ? null : String(at + 1) }
      },
    },
  )
  const answer = await fetch(`${api}/audits/export?format=csv`, { headers: people.headers })
  expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(await answer.text()).toBe('csv 0\ncsv 1\ncsv 2\n')
})

test('the record is followed as it is published, by its organisation alone', async () => {
  await using decider = await nats.connect('decision')
  await using people = await signedInPerson()
  const leaving = new AbortController()
  const answer = await fetch(`${api}/audits/live`, { headers: people.headers, signal: leaving.signal })
  expect(answer.status).toBe(200)
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  await reader.read()
  await decider.audit.record(auditEvent(randomUUID(), { tool: 'of another' }))
  await decider.audit.record(auditEvent(people.org_id, { tool: 'ours' }))
  let text = ''
  while (!text.includes('\n\n')) text += (await reader.read()).value ?? ''
  expect(text).toContain('event: decision\n')
  expect(text).toContain('"tool":"ours"')
  expect(text).not.toContain('of another')
  leaving.abort()
})

test('the use of a key reaches its owner in a batch', async () => {
  const uses: string[] = []
  await owner.serve(
    'projects',
    { reportKeyUse: projects.rpc.reportKeyUse },
    {
      async reportKeyUse(input) {
        uses.push(...input.uses.map((each) => each.key_id))
        return {}
      },
    },
  )
  const key_id = randomUUID()
  const keys = await owner.writer(projects.kv.keys)
  const snapshot = { key_id, project_id: randomUUID(), org_id: randomUUID(), name: 'k', labels: [] }
  const digest = createHash('sha256').update('mcps_used').digest('hex')
  await keys.put(digest, { ...snapshot, upstreams: null, expires_at: null })
  const ask = async () => {
    const headers = { 'x-api-key': 'mcps_used' }
    return (await fetch(`${api}/projects/${snapshot.project_id}/policy`, { headers })).status
  }
  await expect.poll(ask, { timeout: 1_000, interval: 20 }).not.toBe(401)
  await expect.poll(() => uses, { timeout: 8_000 }).toContain(key_id)
})

/** Plays `auth` and `projects` for one person. */
async function signedInPerson(): Promise<
  AsyncDisposable & { headers: { authorization: string }; org_id: string }
> {
  await using playing = new AsyncDisposableStack()
  const [org_id, user_id, session_id] = [randomUUID(), randomUUID(), randomUUID()]
  const { privateKey, publicKey } = signing
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: ACCESS_TOKEN.algorithm }
  const people = playing.use(await nats.connect('auth'))
  const { getSigningKeys, checkSession } = auth.rpc
  await people.serve(
    'auth',
    { getSigningKeys, checkSession },
    {
      getSigningKeys: async () => ({ keys: [jwk] }),
      checkSession: async (input) => ({ open: input.session_id === session_id }),
    },
  )
  const members = playing.use(await nats.connect('projects'))
  const { getMembership } = projects.rpc
  await members.serve(
    'projects',
    { getMembership },
    { getMembership: async () => ({ org_id, role: 'viewer' as const }) },
  )
  const { algorithm: alg, type: typ, issuer, audience } = ACCESS_TOKEN
  const token = await new SignJWT({ sid: session_id })
    .setProtectedHeader({ alg, typ, kid })
    .setSubject(user_id)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey)
  const kept = playing.move()
  const headers = { authorization: `Bearer ${token}` }
  return { headers, org_id, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
