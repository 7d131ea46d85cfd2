import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import type { Role } from '@mcpshield/contracts/caller'
import { AppError } from '@mcpshield/contracts/errors'
import { auditEvent as eventOf } from '../test/audit-event.ts'
import { edge, silent } from '../test/edge.ts'
import { auditFeed, type Subscribe } from './audit-feed.ts'

const stack: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of stack.splice(0).reverse()) await end()
})

/** A bus of which the test is the other end. */
function fakeBus() {
  const subscriptions = new Map<string, ((payload: unknown) => void)[]>()
  const subscribe: Subscribe = (subject, onMessage) => {
    subscriptions.set(subject, [...(subscriptions.get(subject) ?? []), onMessage])
    return () => void subscriptions.delete(subject)
  }
  const publish = (orgId: string, payload: unknown) =>
    subscriptions.get(`audit.${orgId}.>`)?.forEach((tell) => tell(payload))
  return { subscribe, publish, subscriptions }
}

type Options = Parameters<typeof edge>[0]

async function following(options: Options = {}) {
  const bus = fakeBus()
  const made = await edge({ feed: auditFeed(bus.subscribe, silent), ...options })
  const address = await made.app.listen({ host: '127.0.0.1', port: 0 })
  stack.push(async () => {
    const closed = made.app.close()
    made.app.server.closeAllConnections()
    await closed
  })
  const token = await made.sign()
  const open = async (query = '', bearer = token) => {
    const leaving = new AbortController()
    const answer = await fetch(`${address}/audits/live${query}`, {
      headers: { authorization: `Bearer ${bearer}` },
      signal: leaving.signal,
    })
    return { answer, ...reading(answer), leave: () => leaving.abort() }
  }
  return { ...made, bus, open, token }
}

/** What has come of a stream, and its end. */
function reading(answer: Response) {
  let text = ''
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  const ended = (async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += value
    }
  })()
  ended.catch(() => undefined)
  const events = () =>
    [...text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, name, data]) => ({
      name,
      data: JSON.parse(data ?? '') as Record<string, unknown>,
    }))
  return { text: () => text, events, ended }
}

describe('who follows the record', () => {
  test('sees decisions and outcomes of their organisation as the record shows them, each once', async () => {
    const { bus, open, org_id } = await following()
    const { answer, events, text } = await open()
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const event = eventOf(org_id)
    const outcome = { ...event, phase: 'outcome', outcome: 'ok' }
    bus.publish(org_id, [event])
    bus.publish(org_id, [event, outcome])
    await expect.poll(() => events().length).toBe(2)
    const { phase: _, ...record } = event
    expect(events()).toEqual([
      { name: 'decision', data: record },
      { name: 'outcome', data: { ...record, outcome: 'ok' } },
    ])
    await expect.poll(text).toContain(': still here')
  })

  test('sees nothing of another organisation, whatever comes on the subject', async () => {
    const { bus, open, org_id } = await following()
    const { events } = await open()
    expect([...bus.subscriptions.keys()]).toEqual([`audit.${org_id}.>`])
    bus.publish(org_id, [eventOf(randomUUID())])
    bus.publish(org_id, 'garbage')
    bus.publish(org_id, [{ org_id }])
    bus.publish(org_id, [eventOf(org_id, { tool: 'the last' })])
    await expect.poll(() => events().map(({ data }) => data.tool)).toEqual(['the last'])
  })

  test('may follow one project, and not one that is not theirs', async () => {
    const [theirs, other] = [randomUUID(), randomUUID()]
    const { bus, open, org_id, asked } = await following({
      answer: async (_def, { project_id }) => {
        if (project_id !== theirs) throw new AppError('NOT_FOUND', 'No.')
        return {}
      },
    })
    const { events } = await open(`?project_id=${theirs}`)
    bus.publish(org_id, [eventOf(org_id, { project_id: other }), eventOf(org_id)])
    bus.publish(org_id, [eventOf(org_id, { project_id: theirs })])
    await expect.poll(() => events().map(({ data }) => data.project_id)).toEqual([theirs])
    expect((await open(`?project_id=${other}`)).answer.status).toBe(404)
    expect((await open('?project_id=x')).answer.status).toBe(400)
    expect((await open('?user=x')).answer.status).toBe(400)
    expect(asked.every(({ subject }) => subject === 'rpc.projects.getProject')).toBe(true)
  })

  test('is asked who they are', async () => {
    const { open, bus, addKey, app } = await following()
    addKey('mcps_good')
    expect((await open('', 'garbage')).answer.status).toBe(401)
    const byKey = await app.inject({ url: '/audits/live', headers: { 'x-api-key': 'mcps_good' } })
    expect(byKey.statusCode).toBe(401)
    expect(bus.subscriptions.size).toBe(0)
  })
})

describe('following ends', () => {
  test.for<[string, () => { session: object; change(): void }]>([
    [
      'with the session',
      () => {
        let open = true
        return { session: { isOpen: async () => open }, change: () => (open = false) }
      },
    ],
    [
      'with another role',
      () => {
        let role: Role = 'owner'
        const org_id = randomUUID()
        return { session: { membership: async () => ({ org_id, role }) }, change: () => (role = 'viewer') }
      },
    ],
    [
      'with another organisation',
      () => {
        let org_id = randomUUID()
        return {
          session: { membership: async () => ({ org_id, role: 'owner' }) },
          change: () => (org_id = randomUUID()),
        }
      },
    ],
    [
      'when the session cannot be checked',
      () => {
        let broken = false
        return {
          session: {
            isOpen: () => (broken ? Promise.reject(new Error('no answer')) : Promise.resolve(true)),
          },
          change: () => (broken = true),
        }
      },
    ],
    [
      'when the token expires',
      () => {
        let lateMs = 0
        return {
          session: { now: () => new Date(Date.now() + lateMs) },
          change: () => (lateMs = 1_000_000),
        }
      },
    ],
  ])('%s', async ([, make]) => {
    const { session, change } = make()
    const { open, bus } = await following({ session })
    const { answer, events, ended } = await open()
    expect(answer.status).toBe(200)
    change()
    await ended
    expect(events().map(({ name }) => name)).toEqual(['end'])
    await expect.poll(() => bus.subscriptions.size).toBe(0)
  })

  test('when the server stops, without waiting for the reader', async () => {
    const { open, app } = await following()
    const { ended, events } = await open()
    await Promise.all([app.close(), ended])
    expect(events().map(({ name }) => name)).toEqual(['end'])
  })

  test('for a reader that does not keep up, and not for the others', async () => {
    const { bus, open, org_id, app, token } = await following({
      liveTimes: { recheckMs: 1_000, heartbeatMs: 60_000 },
    })
    const slow = await notReading(app, token)
    const quick = await open()
    const streams = async () => (await app.inject('/metrics')).body
    await expect.poll(streams).toContain('mcpshield_http_streams{kind="live"} 2')
    for (let i = 1; i <= 24; i++) {
      bus.publish(org_id, [eventOf(org_id, { reason: 'x'.repeat(1_000_000) })])
      await expect.poll(() => quick.text().length, { interval: 5 }).toBeGreaterThan(i * 1_000_000)
    }
    expect(await streams()).toContain('mcpshield_http_streams{kind="live"} 1')
    slow.destroy()
  })
})

async function notReading(app: FastifyInstance, token: string): Promise<Socket> {
  const { port } = app.server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  socket.pause()
  await once(socket, 'connect')
  socket.write(`GET /audits/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`)
  return socket
}

test('five may be open for one person, a sixth is refused; one subscription serves them all', async () => {
  const { open, bus } = await following()
  const streams = []
  for (let i = 0; i < 5; i++) streams.push(await open())
  expect(bus.subscriptions.size).toBe(1)
  expect([...bus.subscriptions.values()][0]).toHaveLength(1)
  const sixth = await open()
  expect(sixth.answer.status).toBe(429)
  streams[0]?.leave()
  await expect.poll(async () => (await open()).answer.status).toBe(200)
})
