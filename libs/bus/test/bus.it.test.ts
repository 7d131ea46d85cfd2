import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { auth } from '@mcpshield/contracts/auth'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import { AppError } from '@mcpshield/contracts/errors'
import { consumption } from '@mcpshield/contracts/flow'
import { mailer } from '@mcpshield/contracts/mailer'
import { projects, type KeySnapshot } from '@mcpshield/contracts/projects'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { serveRpc } from '../src/rpc.ts'

let server: TestBus
beforeAll(async () => {
  server = await startTestBus()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

const nobody = { kind: 'anonymous', address: '127.0.0.1' } as const

describe('request and reply', () => {
  test('an answer, a refusal and a bug reach the caller as what they are', async () => {
    await using asked = await server.connect('auth')
    await using asking = await server.connect('rest-gateway')
    const session = { access_token: 'a', refresh_token: 'r', token_type: 'Bearer' as const, expires_in: 900 }
    const user = {
      id: randomUUID(),
      first_name: 'A',
      last_name: 'B',
      is_email_verified: true,
      created_at: new Date().toISOString(),
    }
    const onlyLogin = { createSession: auth.rpc.createSession }
    await asked.serve('auth', onlyLogin, {
      async createSession(input, call) {
        expect(call.caller).toEqual(nobody)
        if (input.password === 'bug') throw new Error('a secret detail')
        if (input.password !== 'right') throw new AppError('UNAUTHENTICATED', 'No.', { retry_after_ms: 5 })
        return { ...session, user: { ...user, email: input.email } }
      },
    })
    const login = (password: string) =>
      asking.call(auth.rpc.createSession, { email: 'A@Example.org', password }, { caller: nobody })
    expect((await login('right')).user.email).toBe('a@example.org')
    await expect(login('wrong')).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: 'No.',
      details: { retry_after_ms: 5 },
    })
    await expect(login('bug')).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.not.stringContaining('secret detail'),
    })
    await expect(login('')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { errors: [{ path: 'password' }] },
    })
  })

  test('calls of one moment travel together, and each gets its own answer when it is ready', async () => {
    await using asked = await server.connect('auth')
    await using asking = await server.connect('rest-gateway')
    const slow = Promise.withResolvers<void>()
    const seen: string[] = []
    await asked.serve(
      'auth',
      { checkSession: auth.rpc.checkSession },
      {
        async checkSession({ session_id }, { caller, requestId }) {
          seen.push(requestId)
          if (session_id === 'slow') await slow.promise
          if (session_id === 'bad') throw new AppError('UNAVAILABLE', 'Not now.')
          return { open: caller.kind === 'anonymous' && caller.address === session_id }
        },
      },
    )
    const check = (session_id: string, address = session_id) =>
      asking.call(
        auth.rpc.checkSession,
        { session_id },
        { caller: { kind: 'anonymous', address }, requestId: `r-${session_id}`, timeoutMs: 2_000 },
      )
    const before = asking.connection.stats().outMsgs
    const late = check('slow')
    const many = Array.from({ length: 100 }, (_, at) => check(String(at), at % 2 ? String(at) : 'x'))
    const bad = check('bad')
    await expect(bad).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'Not now.' })
    expect((await Promise.all(many)).map(({ open }) => open)).toEqual(many.map((_, at) => at % 2 === 1))
    expect(asking.connection.stats().outMsgs - before).toBeLessThan(5)
    expect(new Set(seen).size).toBe(102)
    slow.resolve()
    expect(await late).toEqual({ open: true })
  })

  test('an answer larger than a message is an error for its caller alone', async () => {
    await using asked = await server.connect('auth')
    await using asking = await server.connect('rest-gateway')
    await asked.serve(
      'auth',
      { getSigningKeys: auth.rpc.getSigningKeys },
      {
        getSigningKeys: async (_input, { requestId }) => ({
          keys: [{ kid: 'x'.repeat(requestId === 'big' ? 9 << 20 : 3 << 20) }],
        }),
      },
    )
    const ask = (requestId: string) => asking.call(auth.rpc.getSigningKeys, {}, { caller: nobody, requestId })
    const [big, ...others] = await Promise.allSettled([ask('big'), ask('a'), ask('b'), ask('c'), ask('d')])
    expect(big).toMatchObject({ status: 'rejected', reason: { code: 'INTERNAL' } })
    expect(others.map(({ status }) => status)).toEqual(Array(4).fill('fulfilled'))
  })

  describe('of a service that stops', () => {
    const keys = { getSigningKeys: auth.rpc.getSigningKeys }
    const answer = { keys: [{ kid: 'a' }] }

    test('what was asked before is answered, and nothing new is taken', async () => {
      const asked = await server.connect('auth')
      await using asking = await server.connect('rest-gateway')
      const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      await asked.serve('auth', keys, {
        async getSigningKeys() {
          begun.resolve()
          await goOn.promise
          return answer
        },
      })
      const ask = () => asking.call(auth.rpc.getSigningKeys, {}, { caller: nobody })
      const before = ask()
      await begun.promise
      const stopped = asked[Symbol.asyncDispose]()
      await expect
        .poll(() => ask().catch((error: AppError) => error.message))
        .toBe('The auth service is not running.')
      // Not gone while somebody waits.
      expect(await Promise.race([stopped.then(() => 'gone'), sleep(300, 'there')])).toBe('there')
      goOn.resolve()
      await expect(before).resolves.toEqual(answer)
      await stopped
    })

    test('what takes too long is UNAVAILABLE then, rather than never answered', async () => {
      await using asked = await server.connect('auth')
      await using asking = await server.connect('rest-gateway')
      const begun = Promise.withResolvers<void>()
      const served = await serveRpc(
        asked.connection,
        'auth',
        keys,
        {
          getSigningKeys() {
            begun.resolve()
            return new Promise(() => undefined)
          },
        },
        silent,
      )
      const waiting = expect(
        asking.call(auth.rpc.getSigningKeys, {}, { caller: nobody }),
      ).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'The auth service was stopped; ask again.' })
      await begun.promise
      await served.close(50)
      await waiting
    })
  })

  test('a service that does not run is UNAVAILABLE at once', async () => {
    await using asking = await server.connect('mcp-gateway')
    const startedMs = performance.now()
    const call = asking.call(projects.rpc.getRuntime, { project_id: randomUUID() })
    await expect(call).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The projects service is not running.',
    })
    expect(performance.now() - startedMs).toBeLessThan(1_000)
  })
})

describe('permissions', () => {
  test('a service may not call what its row of flow.ts does not name', async () => {
    const raw = await server.raw('mcp-gateway')
    const errors: string[] = []
    void (async () => {
      for await (const status of raw.status()) if (status.type === 'error') errors.push(status.error.message)
    })()
    raw.publish('rpc.auth.createUser', '{}')
    raw.publish('evt.auth.userRegistered', '{}')
    raw.publish('$KV.policies.x', '{}')
    raw.subscribe('rpc.auth.>')
    raw.subscribe('audit.>')
    await raw.flush()
    await expect.poll(() => errors.length, { timeout: 1_000 }).toBe(5)
    expect(errors.every((error) => /permissions violation/i.test(error))).toBe(true)
    await raw.close()
  })

  test('nobody listens to the answers of another service', async () => {
    const raw = await server.raw('ingest')
    const errors: string[] = []
    void (async () => {
      for await (const status of raw.status()) if (status.type === 'error') errors.push(status.error.message)
    })()
    raw.subscribe('_INBOX_mcp-gateway.>')
    raw.subscribe('_INBOX.>')
    await raw.flush()
    await expect.poll(() => errors.length, { timeout: 1_000 }).toBe(2)
    await raw.close()
  })

  test('a stranger without credentials is not let in', async () => {
    const { connect } = await import('nats')
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/authorization/i)
  })
})

describe('watched buckets', () => {
  test('what is there is told first, then every change and removal', async () => {
    await using writes = await server.connect('projects')
    await using reads = await server.connect('decision')
    const writer = await writes.writer(projects.kv.keys)
    const snapshot = (name: string): KeySnapshot => ({
      key_id: randomUUID(),
      project_id: randomUUID(),
      org_id: randomUUID(),
      name,
      labels: [],
      upstreams: null,
      expires_at: null,
    })
    await writer.put('aa', snapshot('first'))
    await writer.put('bb', snapshot('gone'))
    await writer.remove('bb')
    const held = new Map<string, string>()
    await using watching = await reads.watch(projects.kv.keys, {
      put: (key, value) => void held.set(key, value.name),
      remove: (key) => void held.delete(key),
    })
    expect(watching.current()).toBe(true)
    expect([...held]).toEqual([['aa', 'first']])
    const startedMs = performance.now()
    await writer.put('cc', snapshot('second'))
    await writer.remove('aa')
    await expect.poll(() => [...held], { timeout: 1_000, interval: 5 }).toEqual([['cc', 'second']])
    expect(performance.now() - startedMs).toBeLessThan(1_000)
  })
})

test('a bucket is told whole while it is being written to', async () => {
  await using writes = await server.connect('projects')
  await using reads = await server.connect('mcp-gateway')
  const writer = await writes.writer(projects.kv.keys)
  const value = (name: string) =>
    ({ key_id: randomUUID(), project_id: randomUUID(), org_id: randomUUID(), name, labels: [], upstreams: null, expires_at: null }) // prettier-ignore
  for (let each = 0; each < 50; each++) await writer.put(`busy${each}`, value('old'))
  let stopped = false
  const writing = (async () => {
    for (let each = 0; !stopped; each++)
      await Promise.all([0, 1, 2, 3].map(() => writer.put(`busy${each % 2}`, value('new'))))
  })()
  for (let times = 0; times < 25; times++) {
    const told = new Set<string>()
    await using watching = await reads.watch(projects.kv.keys, {
      put: (key) => void told.add(key),
      remove: () => undefined,
    })
    expect(watching.current()).toBe(true)
    await expect.poll(() => told.size).toBeGreaterThanOrEqual(50)
  }
  stopped = true
  await writing
})

test('a value too large for a message is refused as such: it will never be taken', async () => {
  await using bus = await server.connect('projects')
  const writer = await bus.writer(projects.kv.keys)
  const value = { name: 'x'.repeat(9 * 1024 * 1024) }
  await expect(writer.put('large', value as never)).rejects.toMatchObject({ name: 'InvalidArgumentError' })
})

describe('audit', () => {
  test('events of concurrent calls share messages, and each is acknowledged', async () => {
    await using bus = await server.connect('mcp-gateway')
    const raw = await server.raw('provision')
    const manager = await jetstreamManager(raw)
    const before = (await manager.streams.info('AUDIT')).state.messages
    const org = randomUUID()
    const project = randomUUID()
    await Promise.all(Array.from({ length: 2_000 }, () => bus.audit.record(event(org, project))))
    const after = (await manager.streams.info('AUDIT')).state.messages
    expect(after - before).toBeLessThan(200)
    expect(await countEvents(raw, `audit.${org}.${project}.allow`)).toBe(2_000)
    await raw.close()
  })

  test('a record too large for a message is refused, and those that come with it are stored', async () => {
    await using bus = await server.connect('mcp-gateway')
    const [org, project] = [randomUUID(), randomUUID()]
    const large = { ...event(org, project), arguments: 'x'.repeat(9 * 1024 * 1024) }
    const [refused, ...others] = await Promise.allSettled([
      bus.audit.record(large),
      bus.audit.record(event(org, project)),
      bus.audit.record(event(org, project)),
    ])
    expect(refused).toMatchObject({ status: 'rejected' })
    expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  })

  test('a record that JetStream does not take is refused, not silently dropped', async () => {
    await using bus = await server.connect('mcp-gateway')
    const raw = await server.raw('provision')
    const manager = await jetstreamManager(raw)
    const { config } = await manager.streams.info('AUDIT')
    await manager.streams.update('AUDIT', { ...config, max_msgs: 1 })
    try {
      await expect(
        bus.audit.record(event(randomUUID(), randomUUID()), { deadlineMs: 500 }),
      ).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
    } finally {
      await manager.streams.update('AUDIT', config)
      await raw.close()
    }
  })
})

describe('durable consumers', () => {
  test('a message whose handler fails comes again; one that is buried is a dead letter', async () => {
    await using publisher = await server.connect('auth')
    await using consumer = await server.connect('projects')
    const seen: number[] = []
    const buried = Promise.withResolvers<void>()
    await using _consuming = await consumer.consume(consumption.projectsPeople, async (message) => {
      seen.push(message.delivery)
      if (message.delivery === 1) throw new Error('not yet')
      await message.bury('not understood')
      buried.resolve()
    })
    const id = randomUUID()
    await publisher.publish(
      auth.evt.userRegistered,
      { user_id: id, email: 'a@example.org', first_name: 'A', last_name: 'B' },
      id,
    )
    await publisher.publish(
      auth.evt.userRegistered,
      { user_id: id, email: 'a@example.org', first_name: 'A', last_name: 'B' },
      id,
    )
    await buried.promise
    expect(seen).toEqual([1, 2])
    const raw = await server.raw('provision')
    const manager = await jetstreamManager(raw)
    const dead = await manager.streams.getMessage('DEAD', { last_by_subj: 'dead.evt.auth.userRegistered' })
    expect(dead?.header.get('Reason')).toBe('not understood')
    await raw.close()
  })
})

describe('jobs', () => {
  const job = (id: string) => ({
    id,
    to: { email: 'a@example.org' },
    mail: { template: 'address_in_use' as const },
  })

  test('work asked for twice under one id is done once; what was not done comes again', async () => {
    await using asking = await server.connect('auth')
    await using worker = await server.connect('mailer')
    const [first, second] = [randomUUID(), randomUUID()]
    await asking.enqueue(mailer.job.send, job(first), first)
    await asking.enqueue(mailer.job.send, job(first), first)
    await asking.enqueue(mailer.job.send, job(second), second)
    const seen: string[] = []
    const done = Promise.withResolvers<void>()
    await using _consuming = await worker.consume(consumption.mailerSend, (message) => {
      const { id } = mailer.job.send.payload.parse(message.json())
      seen.push(id)
      if (id === first && message.delivery === 1) throw new Error('not yet')
      message.ack()
      if (seen.length === 3) done.resolve()
    })
    await done.promise
    expect(seen.toSorted()).toEqual([first, first, second].toSorted())
  })

  test('may not be asked for, and not be done, by a service whose row does not say so', async () => {
    await using other = await server.connect('decision')
    const id = randomUUID()
    await expect(other.enqueue(mailer.job.send as never, job(id) as never, id)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    await expect(other.consume(consumption.mailerSend as never, () => undefined)).rejects.toThrow()
  })
})

async function countEvents(raw: Awaited<ReturnType<TestBus['raw']>>, subject: string): Promise<number> {
  const consumer = await jetstream(raw).consumers.get('AUDIT', { filter_subjects: subject })
  const ids = new Set<string>()
  const messages = await consumer.fetch({ max_messages: 5_000, expires: 1_000 })
  for await (const message of messages) for (const each of message.json<AuditEvent[]>()) ids.add(each.id)
  return ids.size
}

function event(org: string, project: string): AuditEvent {
  return {
    id: randomUUID(),
    phase: 'decision',
    time: new Date().toISOString(),
    kind: 'decision',
    org_id: org,
    project_id: project,
    method: 'tools/call',
    tool: 'postgres.query',
    arguments: {},
    arguments_digest: null,
    facts: null,
    decision: 'allow',
    rule: 'r',
    reason: 'because',
    policy_version: 1,
    policy_hash: 'h',
    mode: 'enforce',
    agent: null,
    key_id: null,
    user_id: null,
    request_id: null,
    trace_id: null,
    approved_by: null,
    outcome: null,
    duration_ms: null,
    rows: null,
    bytes: null,
    redactions: null,
    result_digest: null,
  }
}
