import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { startTestBus, silent, type TestBus } from '@mcpshield/testkit/bus'
import type { PeerHandlers, Peers } from '../src/peers.ts'

let server: TestBus
const open: AsyncDisposable[] = []
beforeAll(async () => {
  server = await startTestBus(silent)
})
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

/** An instance on a connection of its own. */
async function instance(name: string, handlers: PeerHandlers = {}): Promise<Peers> {
  const bus = await server.connect('mcp-gateway')
  open.push(bus)
  const peers = bus.peers(name)
  await peers.serve(handlers)
  return peers
}

const session = 'ab'.repeat(32)
const answer = { session, id: 'two.1', answer: { result: { action: 'accept' } } }

describe('one instance', () => {
  test('asks another by its name, and no other', async () => {
    const asked: string[] = []
    const takes = (name: string): PeerHandlers => ({
      ask: {
        async answer({ id }) {
          asked.push(`${name} ${id}`)
          return { known: true }
        },
      },
    })
    const one = await instance('one', takes('one'))
    await instance('two', takes('two'))
    await instance('three', takes('three'))
    expect(await one.ask('two', 'answer', answer, 1_000)).toEqual({ known: true })
    expect(asked).toEqual(['two two.1'])
  })

  test('that asks one that is not there, or does not answer this, learns so at once', async () => {
    const one = await instance('one')
    await instance('two')
    const startedMs = performance.now()
    for (const name of ['gone', 'two'])
      await expect(one.ask(name, 'answer', answer, 10_000)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  test('that asks one that is late learns that', async () => {
    await instance('two', { ask: { answer: () => new Promise(() => undefined) } })
    const one = await instance('one')
    await expect(one.ask('two', 'answer', answer, 50)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  test('gets a refusal as what it is, and of a bug nothing but that', async () => {
    await instance('two', {
      ask: {
        async answer({ id }) {
          if (id === 'bug') throw new Error('a secret detail')
          throw new AppError('NOT_FOUND', 'There is no such question.')
        },
      },
    })
    const one = await instance('one')
    await expect(one.ask('two', 'answer', answer, 1_000)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'There is no such question.',
    })
    await expect(one.ask('two', 'answer', { ...answer, id: 'bug' }, 1_000)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.not.stringContaining('secret'),
    })
  })

  test('gives its handler nothing that is not of the form agreed on', async () => {
    const taken: unknown[] = []
    await instance('two', {
      ask: {
        async answer(input) {
          taken.push(input)
          return { known: true }
        },
      },
      tell: { cancel: (payload) => void taken.push(payload) },
    })
    const one = await instance('one')
    for (const input of [{ ...answer, session: 'x' }, { ...answer, more: 1 }, {}])
      await expect(one.ask('two', 'answer', input as typeof answer, 1_000)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      })
    const raw = await server.raw('mcp-gateway')
    for (const text of ['not json', '{}', '{"session":"x","id":1}'])
      raw.publish('peer.mcp-gateway.all.cancel', text)
    raw.publish('peer.mcp-gateway.two.answer', 'not json')
    await raw.flush()
    await raw.close()
    expect(await one.ask('two', 'answer', answer, 1_000)).toEqual({ known: true })
    expect(taken).toEqual([answer])
  })

  test('refuses an answer that is not of the form agreed on', async () => {
    await instance('two', {
      ask: { answer: async () => ({ known: 'yes' }) as unknown as { known: boolean } },
    })
    const one = await instance('one')
    await expect(one.ask('two', 'answer', answer, 1_000)).rejects.toThrow()
  })

  test('is not called by a name that means all, or more than one token', async () => {
    const bus = await server.connect('mcp-gateway')
    open.push(bus)
    for (const name of ['all', '', 'a.b', '*', '>', 'A']) expect(() => bus.peers(name)).toThrow()
    const one = bus.peers('one')
    for (const name of ['all', '*', 'two.answer'])
      await expect(one.ask(name, 'answer', answer, 1_000)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('all instances', () => {
  test('are told, but for the one that tells', async () => {
    const told: string[] = []
    const takes = (name: string): PeerHandlers => ({
      tell: { session: ({ ended }) => void told.push(`${name} ${ended}`) },
    })
    const one = await instance('one', takes('one'))
    const two = await instance('two', takes('two'))
    await instance('three', takes('three'))
    one.tell('session', { session, ended: true })
    await vi.waitFor(() => expect(told.toSorted()).toEqual(['three true', 'two true']))
    two.tell('session', { session, ended: false })
    await vi.waitFor(() => expect(told).toHaveLength(4))
    expect(told.slice(2).toSorted()).toEqual(['one false', 'three false'])
  })

  test('go on when one cannot take what it is told', async () => {
    const told: string[] = []
    const one = await instance('one')
    await instance('two', {
      tell: {
        cancel({ id }) {
          told.push(String(id))
          if (id === 1) throw new Error('a bug')
        },
      },
    })
    one.tell('cancel', { session, id: 1 })
    one.tell('cancel', { session, id: 'two' })
    await vi.waitFor(() => expect(told).toEqual(['1', 'two']))
  })
})

describe('nobody else', () => {
  test('has peers, or may speak to them or listen', async () => {
    const other = await server.connect('decision')
    open.push(other)
    expect(other.peers).toBeUndefined()
    const told: unknown[] = []
    await instance('two', { tell: { session: (payload) => void told.push(payload) } })
    const raw = await server.raw('decision')
    const statuses: string[] = []
    void (async () => {
      for await (const status of raw.status()) statuses.push(status.type)
    })()
    raw.publish('peer.mcp-gateway.all.session', JSON.stringify({ session, ended: true }))
    raw.subscribe('peer.mcp-gateway.>', { callback: () => undefined })
    await vi.waitFor(() =>
      expect(statuses.filter((each) => each === 'error').length).toBeGreaterThanOrEqual(2),
    )
    await raw.close()
    expect(told).toEqual([])
  })
})
