// An upstream over Streamable HTTP. Its session, if it has one, is ours alone; the client's credentials
// are never passed on.
import { createParser } from 'eventsource-parser'
import { Agent, request, type Dispatcher } from 'undici'
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { isObject, type RpcAnswer } from '../json-rpc.ts'
import { rpcError } from './stdio.ts'
import { CLIENT_INFO, UPSTREAM_PROTOCOL, type SendOptions, type Upstream } from './upstream.ts'

export type HttpSpec = { slug: string; url: string; headers: Record<string, string> }

const MAX_ANSWER_BYTES = 32 * 1024 * 1024
const START_TIMEOUT_MS = 15_000

type Handshake = { sessionId: string | undefined; protocolVersion: string }

export function httpUpstream(spec: HttpSpec): Upstream {
  const agent = new Agent({
    connections: 64,
    pipelining: 1,
    bodyTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 30_000,
  })
  let handshake: Promise<Handshake> | undefined
  let nextId = 1

  const post = async (message: JsonObject, known: Handshake | undefined, options: SendOptions) => {
    const timeout = AbortSignal.timeout(options.timeoutMs)
    try {
      return await request(spec.url, {
        dispatcher: agent,
        method: 'POST',
        signal: options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
        headers: {
          ...spec.headers,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...(known === undefined ? {} : { 'mcp-protocol-version': known.protocolVersion }),
          ...(known?.sessionId === undefined ? {} : { 'mcp-session-id': known.sessionId }),
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      })
    } catch (cause) {
      if (timeout.aborted) throw late(spec.slug, options.timeoutMs, cause)
      throw new AppError('UNAVAILABLE', `The upstream ${spec.slug} cannot be reached.`, { cause })
    }
  }

  const shakeHands = async (): Promise<Handshake> => {
    const id = nextId++
    const hello = { protocolVersion: UPSTREAM_PROTOCOL, capabilities: {}, clientInfo: CLIENT_INFO }
    const options = { timeoutMs: START_TIMEOUT_MS }
    const response = await post({ id, method: 'initialize', params: hello }, undefined, options)
    const sessionId = response.headers['mcp-session-id']
    const answer = await readAnswer(response, id, spec.slug)
    if ('error' in answer) {
      throw new AppError('UNAVAILABLE', `The upstream ${spec.slug} refused to start: ${answer.error.message}`)
    }
    const version = answer.result.protocolVersion
    const known = {
      sessionId: typeof sessionId === 'string' ? sessionId : undefined,
      protocolVersion: typeof version === 'string' ? version : UPSTREAM_PROTOCOL,
    }
    const noted = await post({ method: 'notifications/initialized' }, known, options)
    await noted.body.dump()
    return known
  }

  const ensure = async (): Promise<Handshake> => {
    handshake ??= shakeHands()
    try {
      return await handshake
    } catch (error) {
      handshake = undefined
      throw error
    }
  }

  return {
    slug: spec.slug,
    async send(method, params, options) {
      const id = nextId++
      let known = await ensure()
      let response = await post({ id, method, params }, known, options)
      if (response.statusCode === 404 && known.sessionId !== undefined) {
        // The session is gone, so nothing was run: shake hands again and send it once more.
        await response.body.dump()
        handshake = undefined
        known = await ensure()
        response = await post({ id, method, params }, known, options)
      }
      try {
        return await readAnswer(response, id, spec.slug)
      } catch (cause) {
        if ((cause as Error).name === 'TimeoutError') throw late(spec.slug, options.timeoutMs, cause)
        throw cause
      }
    },
    async [Symbol.asyncDispose]() {
      await agent.destroy()
    },
  }
}

function late(slug: string, timeoutMs: number, cause: unknown): AppError {
  return new AppError('DEADLINE_EXCEEDED', `The upstream ${slug} did not answer within ${timeoutMs} ms.`, {
    cause,
  })
}

async function readAnswer(response: Dispatcher.ResponseData, id: number, slug: string): Promise<RpcAnswer> {
  const type = String(response.headers['content-type'] ?? '')
  if (type.startsWith('application/json')) {
    return answerOf(parseJson(await readText(response, slug)), id, slug)
  }
  if (response.statusCode === 200 && type.startsWith('text/event-stream'))
    return readEvents(response, id, slug)
  await response.body.dump()
  throw new AppError(
    'UNAVAILABLE',
    `The upstream ${slug} answered with status ${response.statusCode} and no MCP message.`,
  )
}

async function readText(response: Dispatcher.ResponseData, slug: string): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw tooLarge(slug)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Reads events until the answer to `id`; notifications on the way are not ours to pass on. */
async function readEvents(response: Dispatcher.ResponseData, id: number, slug: string): Promise<RpcAnswer> {
  let answer: RpcAnswer | undefined
  const parser = createParser({
    onEvent(event) {
      const message = parseJson(event.data)
      if (isObject(message) && message.id === id && message.method === undefined)
        answer ??= answerOf(message, id, slug)
    },
  })
  const decoder = new TextDecoder()
  let bytes = 0
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw tooLarge(slug)
    parser.feed(decoder.decode(chunk, { stream: true }))
    if (answer !== undefined) break
  }
  if (answer === undefined)
    throw new AppError('UNAVAILABLE', `The upstream ${slug} ended its stream before it answered.`)
  return answer
}

function answerOf(message: JsonValue | undefined, id: number, slug: string): RpcAnswer {
  if (isObject(message) && isObject(message.error)) return { error: rpcError(message.error) }
  if (isObject(message) && message.id === id && isObject(message.result)) return { result: message.result }
  throw new AppError('UNAVAILABLE', `The upstream ${slug} answered with something that is not an MCP result.`)
}

function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

function tooLarge(slug: string): AppError {
  return new AppError(
    'UNAVAILABLE',
    `The upstream ${slug} answered with more than ${MAX_ANSWER_BYTES} bytes.`,
  )
}
