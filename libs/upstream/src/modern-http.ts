// A server of the modern era over Streamable HTTP: no session, each request for itself, with headers that say what its
// body says.
import {
  HEADER_MISMATCH,
  INVALID_PARAMS,
  isObject,
  MODERN_VERSION,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import { discovered, offersOurVersion } from './discover.ts'
import type { Endpoint } from './endpoint.ts'
import type { HttpAnswer } from './exchange.ts'
import { unavailable } from './failures.ts'
import { headerValue, isPlain } from './header-value.ts'
import { ACCEPT_BOTH, askOnce } from './http-session.ts'
import { answerTo, isLegacyAlone } from './incoming.ts'
import { listenOverHttp } from './modern-listening.ts'
import { modernStream, type ModernStream } from './modern-stream.ts'
import type { OwnedPeer } from './peers.ts'
import { modernMeta, modernParams, nextRequestId, notificationText, requestText } from './request-params.ts'
import { openToolDefinitions, type ToolDefinitions } from './tool-definitions.ts'
import { mirrored } from './tool-headers.ts'
import type { RequestOptions, ServerIdentity, Speaker } from './upstream.ts'

const DISCOVER_TIMEOUT_MS = 10_000
const LIST_TIMEOUT_MS = 10_000
const NOTIFY_TIMEOUT_MS = 10_000
/** New conversations ask again who the server is after this. */
const IDENTITY_FRESH_MS = 10 * 60_000

export type ModernHttp = {
  endpoint: Endpoint
  /** Headers of every request but for what its body says. */
  headers: string[]
  tools: ToolDefinitions
  log: Log
  identity: { server: ServerIdentity; readAtMs: number } | undefined
}

export function openModernHttp(endpoint: Endpoint, log: Log): ModernHttp {
  const named = [
    'content-type',
    'application/json',
    'accept',
    ACCEPT_BOTH,
    'mcp-protocol-version',
    MODERN_VERSION,
  ]
  return {
    endpoint,
    headers: [...endpoint.headers, ...named],
    tools: openToolDefinitions(endpoint.slug, log),
    log,
    identity: undefined,
  }
}

/** Throws a Refusal when the server is not of the modern era. `forget`: it may have changed its era since. */
export async function connectModernHttpPeer(
  modern: ModernHttp,
  speaker: Speaker,
  forget: () => void,
): Promise<OwnedPeer> {
  const meta = modernMeta(speaker.clientInfo, speaker.capabilities)
  const server = await identityOf(modern, meta)
  const gone = new AbortController()
  let listened = 0
  const caller: Caller = {
    modern,
    meta,
    forget() {
      modern.identity = undefined
      forget()
    },
  }
  return {
    era: 'modern',
    server,
    request: (method, params, options) => request(caller, method, params, options),
    notify: (method, params) => notify(caller, method, params),
    follow: () => undefined, // Nothing is told outside of requests.
    async listen(filter, options) {
      const listening = await listenOverHttp(modern, meta, filter, options, gone.signal)
      listened++
      void listening.ended.then(() => listened--)
      return listening
    },
    isBusy: () => listened > 0,
    async close() {
      gone.abort()
    },
  }
}

async function identityOf(modern: ModernHttp, meta: JsonObject): Promise<ServerIdentity> {
  const known = modern.identity
  if (known !== undefined && performance.now() - known.readAtMs < IDENTITY_FRESH_MS) return known.server
  const { endpoint, headers } = modern
  const ask = () =>
    askOnce(endpoint, [...headers, 'mcp-method', DISCOVER], DISCOVER, { _meta: meta }, DISCOVER_TIMEOUT_MS)
  let { answer, http } = await ask()
  if (offersOurVersion(answer)) ({ answer, http } = await ask())
  const server = discovered(endpoint.slug, answer, http.status)
  modern.identity = { server, readAtMs: performance.now() }
  return server
}

const DISCOVER = 'server/discover'

type Caller = { modern: ModernHttp; meta: JsonObject; forget(): void }

async function request(
  caller: Caller,
  method: string,
  params: JsonObject,
  options: RequestOptions,
): Promise<RpcAnswer> {
  if (!isPlain(method))
    throw new AppError('INVALID_ARGUMENT', 'The method has characters that no header can hold.')
  let toolHeaders: string[] | undefined
  if (method === 'tools/call') {
    const headers = headersOfCall(caller, params) ?? (await lookedUpHeaders(caller, params))
    if ('refused' in headers) return headers.refused
    toolHeaders = headers.lines
  }
  let answer = await send(caller, method, params, options, toolHeaders)
  if ('error' in answer) answer = await sendAgain(caller, method, params, options, answer)
  return method === 'tools/list' && 'result' in answer
    ? { result: caller.modern.tools.pass(answer.result) }
    : answer
}

type CallHeaders = { lines: string[] } | { refused: RpcAnswer }
const NONE: CallHeaders = { lines: [] }

/** The headers that mirror a call's arguments; undefined when the tool is not known. */
function headersOfCall({ modern }: Caller, params: JsonObject): CallHeaders | undefined {
  const { name } = params
  if (typeof name !== 'string') return NONE
  const known = modern.tools.of(name)
  if (known === undefined) return undefined
  if (typeof known === 'string')
    return {
      refused: { error: { code: INVALID_PARAMS, message: `The tool’s definition is not valid: ${known}.` } },
    }
  return known.length === 0 ? NONE : { lines: mirrored(known, params['arguments']) }
}

async function lookedUpHeaders(caller: Caller, params: JsonObject): Promise<CallHeaders> {
  await refreshTools(caller, 'unknown')
  return headersOfCall(caller, params) ?? NONE
}

function refreshTools(caller: Caller, why: 'unknown' | 'outdated'): Promise<void> {
  const list = async (cursor: string | undefined) => {
    const params = cursor === undefined ? {} : { cursor }
    const answer = await send(caller, 'tools/list', params, { timeoutMs: LIST_TIMEOUT_MS }, undefined)
    return 'result' in answer ? answer.result : undefined
  }
  return caller.modern.tools.refresh(list, why)
}

/** Once more, where the error tells what to do better. */
async function sendAgain(
  caller: Caller,
  method: string,
  params: JsonObject,
  options: RequestOptions,
  failed: RpcAnswer & { error: { code: number } },
): Promise<RpcAnswer> {
  if (offersOurVersion(failed))
    return send(caller, method, params, options, linesOf(headersOfCall(caller, params)))
  if (failed.error.code !== HEADER_MISMATCH || method !== 'tools/call') return failed
  await refreshTools(caller, 'outdated')
  const headers = headersOfCall(caller, params) ?? NONE
  return 'refused' in headers ? headers.refused : send(caller, method, params, options, headers.lines)
}

function linesOf(headers: CallHeaders | undefined): string[] | undefined {
  return headers !== undefined && 'lines' in headers ? headers.lines : undefined
}

async function send(
  { modern, meta, forget }: Caller,
  method: string,
  params: JsonObject,
  options: RequestOptions,
  toolHeaders: string[] | undefined,
): Promise<RpcAnswer> {
  const { endpoint, log } = modern
  const { timeoutMs, signal } = options
  const id = nextRequestId()
  const headers = [...modern.headers, 'mcp-method', method]
  const name = nameOf(method, params)
  if (name !== undefined) headers.push('mcp-name', headerValue(name))
  if (toolHeaders !== undefined) headers.push(...toolHeaders)
  let stream: ModernStream | undefined
  const reader = () => (stream = modernStream(id, params, options, log))
  const body = requestText(id, method, modernParams(params, id, meta))
  const http = await endpoint.send({ method: 'POST', headers, body, timeoutMs, signal, reader })
  const answer = stream === undefined ? answerTo(id, http.message) : stream.answer
  if (answer !== undefined) return answer
  if (!http.events && http.status >= 400 && http.status < 500) forget()
  throw noAnswer(endpoint.slug, http)
}

function noAnswer(slug: string, { events, status }: HttpAnswer): AppError {
  if (events) return unavailable(slug, 'broke off before its answer was complete')
  return unavailable(slug, `answered with status ${status} and no MCP result`)
}

/** What a request acts on, where its kind has a header for that. */
function nameOf(method: string, params: JsonObject): string | undefined {
  const member = NAMED_BY[method]
  const name = member === undefined ? undefined : params[member]
  return typeof name === 'string' ? name : undefined
}

const NAMED_BY: Record<string, string | undefined> = Object.assign(Object.create(null) as object, {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  // Of the tasks extension.
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
})

async function notify({ modern, meta }: Caller, method: string, params: JsonObject = {}): Promise<void> {
  if (isLegacyAlone(method) || !isPlain(method)) return
  const given = params['_meta']
  const body = notificationText(method, { ...params, _meta: { ...meta, ...(isObject(given) ? given : {}) } })
  const { endpoint } = modern
  const headers = [...modern.headers, 'mcp-method', method]
  const call = { method: 'POST', headers, body, timeoutMs: NOTIFY_TIMEOUT_MS, signal: undefined } as const
  const { status } = await endpoint.send(call)
  if (status >= 300) throw unavailable(endpoint.slug, `answered a notification with status ${status}`)
}
