// The client against a real HTTP server that answers, fails and misbehaves.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ModelFailure, noModel } from '../src/model.ts'
import { ollamaModel } from '../src/ollama.ts'
import {
  babbles,
  breaksOff,
  callsTools,
  endsEarly,
  failsInside,
  hangs,
  hugeLine,
  neverEnds,
  refuses,
  says,
  startOllamaServer,
  waits,
  type Behaviour,
  type OllamaServer,
} from '@mcpshield/testkit/ollama-server'

let server: OllamaServer
beforeAll(async () => {
  server = await startOllamaServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const modelAt = (url: string, timeoutMs = 5_000, model = 'phi3:mini') =>
  ollamaModel({ url, model, timeoutMs, contextTokens: 4_096 })
const never = new AbortController().signal
const messages = [{ role: 'user' as const, content: 'Say something.' }]

async function failureOf(behaviour: Behaviour, timeoutMs = 5_000): Promise<string> {
  server.behave(behaviour)
  try {
    await modelAt(server.url, timeoutMs).ask({ messages, signal: never })
  } catch (error) {
    if (error instanceof ModelFailure) return error.kind
    throw error
  }
  return 'none'
}

describe('a model that answers', () => {
  test('is heard piece by piece, with what it took', async () => {
    server.behave(says('The quick brown fox jumps over the lazy dog.'))
    const pieces: string[] = []
    const answer = await modelAt(server.url).ask({
      messages,
      signal: never,
      onText: (piece) => pieces.push(piece),
    })
    expect(answer).toEqual({
      text: 'The quick brown fox jumps over the lazy dog.',
      input_tokens: 321,
      output_tokens: 45,
      whole: true,
    })
    expect(pieces.length).toBeGreaterThan(1)
    expect(pieces.join('')).toBe(answer.text)
  })

  test('is asked for its form, without chance and within its bounds', async () => {
    server.behave(says('{}'))
    const format = { type: 'object' }
    await modelAt(server.url).ask({ messages, format, signal: never })
    expect(server.asked.at(-1)).toMatchObject({
      ...{ model: 'phi3:mini', stream: true, format },
      options: { temperature: 0, num_ctx: 4_096 },
    })
  })

  test('is known to have run out of room', async () => {
    server.behave(says('{"rules": [', { done_reason: 'length' }))
    expect(await modelAt(server.url).ask({ messages, signal: never })).toMatchObject({ whole: false })
  })

  test('calls no tools: it has none', async () => {
    server.behave(callsTools('Just words.'))
    expect(await modelAt(server.url).ask({ messages, signal: never })).toMatchObject({ text: 'Just words.' })
  })

  test('cannot claim tokens that are none', async () => {
    server.behave(says('x', { prompt_eval_count: -5, eval_count: 'many' }))
    const answer = await modelAt(server.url).ask({ messages, signal: never })
    expect([answer.input_tokens, answer.output_tokens]).toEqual([0, 0])
  })
})

describe('a model that fails, and how it is told', () => {
  test.for<[what: string, behaviour: Behaviour, kind: string]>([
    ['a server that fails', refuses(500, 'out of memory'), 'refused'],
    ['one that fails in HTML', refuses(502, '<h1>Bad gateway</h1>', 'text/html'), 'refused'],
    ['an error inside the stream', failsInside('CUDA error'), 'refused'],
    ['a model that is not there', refuses(404, 'model not found'), 'missing'],
    ['what is no JSON', babbles(), 'nonsense'],
    ['JSON that is no object', babbles('[1, 2]\n'), 'nonsense'],
    ['a connection that breaks', breaksOff(), 'cut'],
    ['an end before it was done', endsEarly(), 'cut'],
    ['an answer without an end', neverEnds(), 'too_long'],
    ['a line without an end', hugeLine(), 'too_long'],
  ])('%s', async ([, behaviour, kind]) => expect(await failureOf(behaviour)).toBe(kind))

  test.for<[what: string, behaviour: Behaviour]>([
    ['says nothing', waits(2_000, says('late'))],
    ['begins and goes silent', hangs()],
  ])('one that %s is not waited for longer than it may take', async ([, behaviour]) => {
    const startedMs = performance.now()
    expect(await failureOf(behaviour, 300)).toBe('late')
    expect(performance.now() - startedMs).toBeLessThan(1_500)
  })

  test('nobody there', async () => {
    const gone = await startOllamaServer()
    await gone[Symbol.asyncDispose]()
    await expect(modelAt(gone.url).ask({ messages, signal: never })).rejects.toMatchObject({
      kind: 'unreachable',
    })
  })

  test('a redirect to elsewhere is not followed', async () => {
    server.behave((response) => {
      response.writeHead(302, { location: 'http://169.254.169.254/' })
      response.end()
    })
    await expect(modelAt(server.url).ask({ messages, signal: never })).rejects.toMatchObject({
      kind: 'unreachable',
    })
  })

  test('who is not waited for is told to stop', async () => {
    server.behave(hangs())
    const stop = new AbortController()
    const before = server.left()
    const asking = modelAt(server.url).ask({ messages, signal: stop.signal, onText: () => stop.abort() })
    await expect(asking).rejects.toMatchObject({ kind: 'stopped' })
    await expect.poll(() => server.left()).toBe(before + 1)
  })
})

describe('how a model stands', () => {
  test('it is ready when its server has it', async () => {
    expect(await modelAt(server.url).standing()).toEqual({ state: 'ready', detail: null })
  })

  test('it is missing when its server has others, and the mend is said', async () => {
    const standing = await modelAt(server.url, 5_000, 'llama3').standing()
    expect(standing).toMatchObject({
      state: 'missing',
      detail: expect.stringContaining('ollama pull llama3') as string,
    })
  })

  test('a name without a tag is that of the latest', async () => {
    await using other = await startOllamaServer(['llama3:latest'])
    expect(await modelAt(other.url, 5_000, 'llama3').standing()).toMatchObject({ state: 'ready' })
    expect(await modelAt(other.url, 5_000, 'llama3:8b').standing()).toMatchObject({ state: 'missing' })
  })

  test('it is unset where no address is given, and nobody is asked', async () => {
    const model = noModel('phi3:mini')
    const detail = expect.stringContaining('OLLAMA_URL') as string
    expect(await model.standing()).toEqual({ state: 'unset', detail })
    await expect(model.ask({ messages, signal: never })).rejects.toMatchObject({ kind: 'unreachable' })
  })

  test('it is unreachable when nobody answers', async () => {
    const gone = await startOllamaServer()
    await gone[Symbol.asyncDispose]()
    expect(await modelAt(gone.url).standing()).toMatchObject({ state: 'unreachable' })
  })
})

/** A real server, by its URL: the model must answer with JSON of the form asked for. */
test.skipIf(process.env['OLLAMA_TEST_URL'] === undefined)(
  'a real Ollama at OLLAMA_TEST_URL answers in the form asked for',
  { timeout: 300_000 },
  async () => {
    const model = modelAt(
      process.env['OLLAMA_TEST_URL'] ?? '',
      240_000,
      process.env['OLLAMA_TEST_MODEL'] ?? 'phi3:mini',
    )
    expect(await model.standing()).toMatchObject({ state: 'ready' })
    const format = { type: 'object', properties: { word: { enum: ['yes', 'no'] } }, required: ['word'] }
    const answer = await model.ask({
      messages: [{ role: 'user', content: 'Is water wet? Answer in JSON.' }],
      format,
      signal: never,
    })
    expect(['yes', 'no']).toContain((JSON.parse(answer.text) as { word: string }).word)
    expect(answer.output_tokens).toBeGreaterThan(0)
  },
)
