// MCP spoken by hand, for what no client of an SDK would say: one request over Streamable HTTP in either era, and all
// that is heard of it.
import { request as httpRequest } from 'undici'
import { MODERN_VERSION, META, type Era, type Message, type RpcError } from '@mcpshield/mcp/messages'

export type Json = Record<string, unknown>

/** What came back of one request. */
export type Heard = {
  status: number
  headers: Record<string, string>
  result?: Json
  error?: RpcError
  /** What was told on the request's own stream, in order. */
  told: Message[]
  /** The body as it came. */
  text: string
}

export type Asked = { method: string; params?: Json }

export type Speaker = {
  era: Era
  /** Null for a modern speaker, and for one that never initialised. */
  session: string | null
  /** Sends one request and hears it out. */
  send(method: string, params?: Json, options?: SendOptions): Promise<Heard>
  /** The same with a body as it is written, headers included. */
  raw(body: string, headers?: Record<string, string>, signal?: AbortSignal): Promise<Heard>
  notify(method: string, params?: Json): Promise<number>
  /** Ends the session, where there is one. */
  end(): Promise<void>
}

export type SendOptions = {
  headers?: Record<string, string>
  signal?: AbortSignal
  /** Legacy: answers what the server asks meanwhile; without it questions stay open. */
  answer?: (asked: Asked) => { result: Json } | { error: Json }
  onTold?: (message: Message) => void
}

export type SpeakerOptions = {
  url: string
  key: string
  era: Era
  /** Legacy: initialise first. */
  withSession?: boolean
  capabilities?: Json
  name?: string
}

const ACCEPT = 'application/json, text/event-stream'
const LEGACY_VERSION = '2025-11-25'
let ids = 0

export async function openSpeaker(options: SpeakerOptions): Promise<Speaker> {
  const speaker = speakerOf(options, null)
  if (options.era === 'modern' || options.withSession !== true) return speaker
  const { capabilities = {}, name = 'wire' } = options
  const clientInfo = { name, version: '1' }
  const hello = await speaker.send('initialize', {
    protocolVersion: LEGACY_VERSION,
    capabilities,
    clientInfo,
  })
  const session = hello.headers['mcp-session-id']
  if (session === undefined) throw new Error(`no session: ${hello.status} ${hello.text}`)
  const opened = speakerOf(options, session)
  await opened.notify('notifications/initialized')
  return opened
}

function speakerOf(
  { url, key, era, capabilities = {}, name = 'wire' }: SpeakerOptions,
  session: string | null,
): Speaker {
  const base = {
    'content-type': 'application/json',
    accept: ACCEPT,
    'x-api-key': key,
    ...(session === null ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': LEGACY_VERSION }),
  }
  const post = async (body: string, headers: Record<string, string>, signal?: AbortSignal) => {
    const answer = await httpRequest(url, {
      method: 'POST',
      headers: { ...base, ...headers },
      body,
      ...(signal === undefined ? {} : { signal }),
    })
    return { ...answer, headers: flat(answer.headers) }
  }
  const reply = async (id: unknown, answer: object) => {
    const { body } = await post(JSON.stringify({ jsonrpc: '2.0', id, ...answer }), {})
    await body.dump()
  }
  const hear = async (
    body: string,
    headers: Record<string, string>,
    { signal, answer, onTold }: SendOptions,
  ): Promise<Heard> => {
    const response = await post(body, headers, signal)
    const heard: Heard = { status: response.statusCode, headers: response.headers, told: [], text: '' }
    const take = (text: string) => {
      const message = parsed(text)
      if (message === undefined) return
      if (message['method'] === undefined) return void Object.assign(heard, outcomeOf(message))
      const { method, params } = message as Asked
      if (message['id'] !== undefined) {
        if (answer !== undefined) void reply(message['id'], answer({ method, ...(params && { params }) }))
      }
      const told = { method, ...(params && { params }) } as Message
      heard.told.push(told)
      onTold?.(told)
    }
    const isStream = response.headers['content-type']?.startsWith('text/event-stream') === true
    let unread = ''
    for await (const chunk of response.body) {
      heard.text += String(chunk)
      if (!isStream) continue
      unread += String(chunk)
      const events = unread.split('\n\n')
      unread = events.pop() ?? ''
      events.map(dataOf).forEach(take)
    }
    if (!isStream) take(heard.text)
    return heard
  }
  return {
    era,
    session,
    send(method, params = {}, options = {}) {
      const message =
        era === 'modern'
          ? { method, params: { ...params, _meta: { ...modernMeta(name, capabilities), ...metaOf(params) } } }
          : { method, params }
      const headers = era === 'modern' ? modernHeaders(method, params) : {}
      const body = JSON.stringify({ jsonrpc: '2.0', id: ++ids, ...message })
      return hear(body, { ...headers, ...options.headers }, options)
    },
    raw: (body, headers = {}, signal) => hear(body, headers, signal === undefined ? {} : { signal }),
    async notify(method, params = {}) {
      const { statusCode, body } = await post(JSON.stringify({ jsonrpc: '2.0', method, params }), {})
      await body.dump()
      return statusCode
    },
    async end() {
      if (session === null) return
      const { body } = await httpRequest(url, { method: 'DELETE', headers: base })
      await body.dump()
    },
  }
}

function modernMeta(name: string, capabilities: Json): Json {
  return {
    [META.protocolVersion]: MODERN_VERSION,
    [META.clientInfo]: { name, version: '1' },
    [META.clientCapabilities]: capabilities,
  }
}

function metaOf({ _meta }: Json): Json {
  return typeof _meta === 'object' && _meta !== null ? (_meta as Json) : {}
}

const NAMED_BY: Record<string, string> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** The headers that a modern request must have; what is no string has none. */
export function modernHeaders(method: string, params: Json): Record<string, string> {
  const name = NAMED_BY[method] === undefined ? undefined : params[NAMED_BY[method]]
  return {
    'mcp-protocol-version': MODERN_VERSION,
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
  }
}

function dataOf(event: string): string {
  return event
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n')
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function outcomeOf({ result, error }: Json): Pick<Heard, 'result' | 'error'> {
  return error === undefined ? { result: result as Json } : { error: error as RpcError }
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))
}
