// Clients of both SDKs behind one face: SDK 1.32 as it is found in the field for the legacy era, SDK 2.4 for the modern
// one. They answer what they are asked; what they received is on their tape.
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernHttp,
} from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ResultSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { Era } from '@mcpshield/mcp/messages'
import { anything } from '../mcp/fixture-client.ts'
import type { Json } from './mcp-wire.ts'
import { tapedFetch, tapedPipe, type Command, type Tape } from './tape.ts'

export type ServerPlace = { url: string; key?: string } | Command

export type TapedClient = {
  era: Era
  tape: Tape
  /** Resolves when it is answered, whatever the answer is. */
  request(method: string, params: Json, options?: { signal?: AbortSignal }): Promise<void>
  notify(method: string): Promise<void>
  /** Modern: begins to listen, and resolves once that is acknowledged. */
  listen(filter: Json): Promise<void>
  close(): Promise<void>
}

export type ClientKind = { era: Era; capabilities: 'full' | 'empty'; roots: string[] }

const INFO = { name: 'transparent', version: '1.0.0' }
const FULL = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } }
const TASKS = { 'io.modelcontextprotocol/tasks': {} }
const REQUEST_TIMEOUT_MS = 20_000

export async function connectTaped(place: ServerPlace, kind: ClientKind): Promise<TapedClient> {
  return kind.era === 'legacy' ? connectLegacy(place, kind) : connectModern(place, kind)
}

const ELICITED = {
  action: 'accept' as const,
  content: { name: 'Ada', color: 'green', ok: true, confirm: true },
}
const SAMPLED = {
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'Good day' },
  model: 'none',
}

function transportTo(place: ServerPlace) {
  if ('command' in place) return tapedPipe(place)
  const { fetch, tape } = tapedFetch()
  const options = {
    fetch,
    requestInit: { headers: place.key === undefined ? {} : { 'x-api-key': place.key } },
  }
  return { url: new URL(place.url), options, tape }
}

async function connectLegacy(place: ServerPlace, { capabilities, roots }: ClientKind): Promise<TapedClient> {
  const client = new LegacyClient(INFO, { capabilities: capabilities === 'full' ? FULL : {} })
  if (capabilities === 'full') {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) =>
      params.mode === 'url' ? { action: 'accept' } : ELICITED,
    )
    client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLED)
    client.setRequestHandler(ListRootsRequestSchema, () => rootsOf(roots))
  }
  const to = transportTo(place)
  await client.connect(('transport' in to ? to.transport : new LegacyHttp(to.url, to.options)) as never)
  return {
    era: 'legacy',
    tape: to.tape,
    request: (method, params, options) =>
      settled(client.request({ method, params }, ResultSchema, { timeout: REQUEST_TIMEOUT_MS, ...options })),
    notify: (method) => client.notification({ method }),
    listen: () => Promise.reject(new Error('no client of this era listens')),
    async close() {
      if (client.transport instanceof LegacyHttp) await client.transport.terminateSession()
      await client.close()
    },
  }
}

async function connectModern(place: ServerPlace, { capabilities, roots }: ClientKind): Promise<TapedClient> {
  const { elicitation, sampling } = FULL
  const client = new ModernClient(INFO, {
    versionNegotiation: { mode: { pin: '2026-07-28' } },
    capabilities: capabilities === 'full' ? { elicitation, sampling, roots: {}, extensions: TASKS } : {},
  })
  if (capabilities === 'full') {
    client.setRequestHandler('elicitation/create', ({ params }) =>
      params.mode === 'url' ? { action: 'accept' } : ELICITED,
    )
    client.setRequestHandler('sampling/createMessage', () => SAMPLED)
    client.setRequestHandler('roots/list', () => rootsOf(roots))
  }
  const to = transportTo(place)
  await client.connect(('transport' in to ? to.transport : new ModernHttp(to.url, to.options)) as never)
  return {
    era: 'modern',
    tape: to.tape,
    request: (method, params, options) => {
      const terms = { timeout: REQUEST_TIMEOUT_MS, ...options }
      // By this method alone the SDK sends the headers that a tool's parameters ask for.
      if (method === 'tools/call') return settled(client.callTool(params as never, terms))
      return settled(client.request({ method, params } as never, anything as never, terms as never))
    },
    notify: (method) => client.notification({ method }),
    async listen(filter) {
      await client.listen(filter)
    },
    close: () => client.close(),
  }
}

const rootsOf = (roots: string[]) => ({ roots: roots.map((uri) => ({ uri, name: 'work' })) })

/** What the answer was is on the tape. */
async function settled(request: Promise<unknown>): Promise<void> {
  await request.catch(() => undefined)
}
