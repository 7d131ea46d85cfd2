// An upstream over Streamable HTTP. Its session, if it has one, is ours alone; the client's credentials
// are never passed on.
import { Pool } from 'undici'
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import { isObject, type RpcAnswer } from '../json-rpc.ts'
import { exchange, type Answered } from './exchange.ts'
import { rpcError } from './stdio.ts'
import { CLIENT_INFO, UPSTREAM_PROTOCOL, type SendOptions, type Upstream } from './upstream.ts'

export type HttpSpec = { slug: string; url: string; headers: Record<string, string> }

const START_TIMEOUT_MS = 15_000
const MAX_CONNECTIONS = 64
const KEEP_ALIVE_MS = 30_000

/** The headers of every request after the handshake. */
type Session = { headers: Record<string, string>; hasId: boolean }

export function httpUpstream(spec: HttpSpec): Upstream {
  const { slug } = spec
  const { origin, pathname, search } = new URL(spec.url)
  const pool = new Pool(origin, { connections: MAX_CONNECTIONS, keepAliveTimeout: KEEP_ALIVE_MS })
  const headers = {
    ...spec.headers,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  let session: Promise<Session> | undefined
  let nextId = 1

  const post = (
    message: JsonObject,
    id: number | null,
    known: Record<string, string>,
    options: SendOptions,
  ) =>
    exchange(pool, {
      slug,
      path: pathname + search,
      headers: known,
      body: JSON.stringify({ jsonrpc: '2.0', ...(id === null ? {} : { id }), ...message }),
      id,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
    })

  const shakeHands = async (): Promise<Session> => {
    const params = { protocolVersion: UPSTREAM_PROTOCOL, capabilities: {}, clientInfo: CLIENT_INFO }
    const options = { timeoutMs: START_TIMEOUT_MS }
    const answered = await post({ method: 'initialize', params }, nextId++, headers, options)
    const answer = answerOf(answered, slug)
    if ('error' in answer) {
      throw new AppError('UNAVAILABLE', `The upstream ${slug} refused to start: ${answer.error.message}`)
    }
    const version = answer.result.protocolVersion
    const known = {
      ...headers,
      'mcp-protocol-version': typeof version === 'string' ? version : UPSTREAM_PROTOCOL,
      ...(answered.sessionId === undefined ? {} : { 'mcp-session-id': answered.sessionId }),
    }
    await post({ method: 'notifications/initialized' }, null, known, options)
    return { headers: known, hasId: answered.sessionId !== undefined }
  }

  const ensure = async (): Promise<Session> => {
    session ??= shakeHands()
    try {
      return await session
    } catch (error) {
      session = undefined
      throw error
    }
  }

  return {
    slug,
    async send(method, params, options) {
      const known = await ensure()
      const answered = await post({ method, params }, nextId++, known.headers, options)
      if (answered.status !== 404 || !known.hasId) return answerOf(answered, slug)
      // The session is gone, so nothing was run: shake hands again and send it once more.
      session = undefined
      const fresh = await ensure()
      return answerOf(await post({ method, params }, nextId++, fresh.headers, options), slug)
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy()
    },
  }
}

function answerOf({ status, message }: Answered, slug: string): RpcAnswer {
  if (message !== undefined && isObject(message.error)) return { error: rpcError(message.error) }
  if (message !== undefined && isObject(message.result)) return { result: message.result }
  throw new AppError('UNAVAILABLE', `The upstream ${slug} answered with status ${status} and no MCP result.`)
}
