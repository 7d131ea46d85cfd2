import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { METHOD_NOT_FOUND, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Peer } from '@mcpshield/upstream/upstream'
import type { Crossing } from '../src/bridge.ts'
import type { Exchange } from '../src/client.ts'
import { openCalls, type OpenCalls } from '../src/open-calls.ts'

const QUESTION: Message = {
  method: 'elicitation/create',
  params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
}

/** A server that asks, and answers with whatever it was answered; it remembers whether its call was given up. */
function askingServer(questions = [QUESTION]) {
  const state = {
    isAborted: false,
    answers: [] as RpcAnswer[],
    tell: undefined as ((message: Message) => void) | undefined,
  }
  const peer: Peer = {
    era: 'legacy',
    server: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} },
    async request(_method, _params, { signal, onRequest, onNotification }) {
      state.tell = onNotification
      const aborted = new Promise<never>((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          state.isAborted = true
          reject(new Error('given up'))
        })
      })
      const gone = new AbortController().signal
      const asked = questions.map(async (question) => onRequest?.(question, gone))
      state.answers = (await Promise.race([Promise.all(asked), aborted])) as RpcAnswer[]
      return { result: { answers: state.answers } }
    },
    notify: () => Promise.resolve(),
    follow: () => undefined,
    listen: () => Promise.reject(new Error('nothing to listen to')),
  }
  return { peer, state }
}

function crossingBy(subject: string, peer: Peer, signal = new AbortController().signal): Crossing {
  const exchange = {
    client: { credential: { subject }, capabilities: { elicitation: { form: {} } } },
    signal,
  } as unknown as Exchange
  return {
    peer,
    method: 'tools/call',
    params: {},
    timeoutMs: 5_000,
    exchange,
    tell: () => undefined,
    ask: () => Promise.reject(new Error('modern clients are not asked')),
  }
}

const here = () => openCalls({ instance: 'here', elsewhere: () => Promise.resolve(undefined) })

async function startAsking(calls: OpenCalls, crossing: Crossing) {
  const starting = calls.start(crossing)
  await vi.advanceTimersByTimeAsync(100)
  const step = await starting
  if (!('asks' in step)) throw new Error('nothing was asked')
  return step
}

const ACCEPTED = { question_1: { action: 'accept', content: {} } }

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('a call that waits for its client', () => {
  test('goes on with what its owner answers', async () => {
    const { peer, state } = askingServer()
    const calls = here()
    const crossing = crossingBy('ada', peer)
    const { asks, open } = await startAsking(calls, crossing)
    expect(asks).toEqual({ question_1: QUESTION })
    const step = await calls.resume(open, ACCEPTED, crossing)
    expect(state.answers).toEqual([{ result: ACCEPTED.question_1 }])
    expect(step).toHaveProperty('answer')
  })

  test('is nobody else’s, be it here or asked for by another instance', async () => {
    const { peer, state } = askingServer()
    const calls = here()
    const { open } = await startAsking(calls, crossingBy('ada', peer))
    const told: Message[] = []
    const tell = (message: Message) => void told.push(message)
    expect(await calls.resume(open, ACCEPTED, { ...crossingBy('eve', peer), tell })).toBeUndefined()
    state.tell?.({ method: 'notifications/message', params: { data: 'for ada' } })
    expect(told).toEqual([])
    const { signal } = new AbortController()
    expect(await calls.resumeHere(open.call, 'eve', ACCEPTED, signal)).toBeUndefined()
    expect(state.answers).toEqual([])
    expect(await calls.resumeHere(open.call, 'ada', ACCEPTED, signal)).toHaveProperty('answer')
  })

  test('asks all that was asked at once, and again what is not answered', async () => {
    const { peer } = askingServer([QUESTION, QUESTION])
    const calls = here()
    const crossing = crossingBy('ada', peer)
    const { asks, open } = await startAsking(calls, crossing)
    expect(Object.keys(asks)).toEqual(['question_1', 'question_2'])
    const next = calls.resume(open, ACCEPTED, crossing)
    await vi.advanceTimersByTimeAsync(100)
    expect(Object.keys(((await next) as { asks: JsonObject }).asks)).toEqual(['question_2'])
  })

  test('asks for nothing that its client did not say it can answer: the server learns that', async () => {
    const { peer, state } = askingServer([{ method: 'sampling/createMessage', params: { messages: [] } }])
    const step = here().start(crossingBy('ada', peer))
    await vi.advanceTimersByTimeAsync(100)
    expect(await step).toHaveProperty('answer')
    expect(state.answers).toEqual([{ error: expect.objectContaining({ code: METHOD_NOT_FOUND }) }])
  })

  test('ends when its client never comes back, and the server learns it', async () => {
    const { peer, state } = askingServer()
    const calls = here()
    const crossing = crossingBy('ada', peer)
    const { open } = await startAsking(calls, crossing)
    await vi.advanceTimersByTimeAsync(9 * 60_000)
    expect(state.isAborted).toBe(false)
    await vi.advanceTimersByTimeAsync(2 * 60_000)
    expect(state.isAborted).toBe(true)
    expect(await calls.resume(open, ACCEPTED, crossing)).toBeUndefined()
  })

  test('ends when its client goes away while it waits for the server', async () => {
    const { peer, state } = askingServer([])
    peer.request = (_method, _params, { signal }) =>
      new Promise((_resolve, reject) =>
        signal?.addEventListener('abort', () => {
          state.isAborted = true
          reject(new Error('given up'))
        }),
      )
    const gone = new AbortController()
    const starting = here().start(crossingBy('ada', peer, gone.signal))
    const ended = expect(starting).rejects.toThrow('given up')
    gone.abort()
    await ended
    expect(state.isAborted).toBe(true)
  })

  test('is not even begun for long when its client is gone before', async () => {
    const { peer, state } = askingServer()
    peer.request = (_method, _params, { signal }) => {
      state.isAborted = signal?.aborted === true
      return new Promise((_resolve, reject) =>
        signal?.addEventListener('abort', () => {
          state.isAborted = true
          reject(new Error('given up'))
        }),
      )
    }
    await expect(here().start(crossingBy('ada', peer, AbortSignal.abort()))).rejects.toThrow('given up')
    expect(state.isAborted).toBe(true)
  })

  test('takes no room once it failed', async () => {
    const calls = here()
    const waiting = askingServer()
    const { open } = await startAsking(calls, crossingBy('ada', waiting.peer))
    const dead = { ...waiting.peer, request: () => Promise.reject(new Error('cannot be reached')) }
    for (let call = 0; call < 10_000; call++)
      await calls.start(crossingBy('eve', dead)).catch(() => undefined)
    expect(waiting.state.isAborted).toBe(false)
    expect(await calls.resume(open, ACCEPTED, crossingBy('ada', waiting.peer))).toHaveProperty('answer')
  })

  test('does not spend its time while a person thinks, but ends in the end', async () => {
    const { peer, state } = askingServer()
    const calls = here()
    const crossing = crossingBy('ada', peer)
    const { open } = await startAsking(calls, crossing)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(state.isAborted).toBe(false)
    expect(await calls.resume(open, ACCEPTED, crossing)).toHaveProperty('answer')
  })
})

describe('open calls are bounded', () => {
  const open = async (calls: OpenCalls, subject: string) => {
    const { peer, state } = askingServer()
    const starting = calls.start(crossingBy(subject, peer))
    await vi.advanceTimersByTimeAsync(30)
    await starting
    return state
  }
  const many = async (calls: OpenCalls, subject: string, count: number) => {
    const opened = Array.from({ length: count }, () => {
      const { peer, state } = askingServer()
      return { state, starting: calls.start(crossingBy(subject, peer)) }
    })
    await vi.advanceTimersByTimeAsync(30)
    await Promise.all(opened.map(({ starting }) => starting))
    return opened.map(({ state }) => state)
  }
  const ended = (states: { isAborted: boolean }[]) => states.filter(({ isAborted }) => isAborted).length

  test('for each asker: one too many ends that asker’s oldest, and nobody else’s', async () => {
    const calls = here()
    const other = await open(calls, 'eve')
    const own = await many(calls, 'ada', 1_000)
    expect(ended(own)).toBe(0)
    await many(calls, 'ada', 3)
    expect(own.map(({ isAborted }) => isAborted).slice(0, 4)).toEqual([true, true, true, false])
    expect(ended(own)).toBe(3)
    expect(other.isAborted).toBe(false)
  })

  test('in all: whoever has the most open makes room, not whoever came first', async () => {
    const calls = here()
    const first = await open(calls, 'first')
    const all = []
    for (let each = 0; each < 9; each++) all.push(await many(calls, `asker ${each}`, 1_000))
    all.push(await many(calls, 'small', 999))
    expect(ended(all.flat())).toBe(0)
    const late = await open(calls, 'late')
    expect([first.isAborted, late.isAborted]).toEqual([false, false])
    expect(ended(all.flat())).toBe(1)
    expect(ended(all.at(-1)!)).toBe(0)
  })

  test('a call that its server works on is not ended for another: that one is refused', async () => {
    const calls = here()
    const working = Array.from({ length: 1_000 }, () => {
      const { peer, state } = askingServer([])
      const { request } = peer
      peer.request = async (...given) => request(...given).then(() => new Promise(() => undefined))
      void calls.start(crossingBy('ada', peer))
      return state
    })
    await vi.advanceTimersByTimeAsync(30)
    await expect(calls.start(crossingBy('ada', askingServer().peer))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    })
    expect(ended(working)).toBe(0)
    expect((await open(calls, 'eve')).isAborted).toBe(false)
  })
})
