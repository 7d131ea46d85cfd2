// The MCP server that the tests put behind the gateway. It speaks both protocol eras on one Streamable HTTP endpoint,
// has what the official conformance suite asks for by its names, and remembers whatever reached it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from '@modelcontextprotocol/server'
import { toNodeHandler, type NodeIncomingMessageLike } from '@modelcontextprotocol/node'
import { createFixtureServer } from './fixture/serve.ts'
import { createSessions } from './fixture/sessions.ts'
import { createWorld, type World } from './fixture/world.ts'

export type FixtureOptions = {
  /** What it speaks: revisions up to 2025-11-25, from 2026-07-28 on, or both. */
  era?: 'both' | 'legacy' | 'modern'
  /** Any free port unless given. */
  port?: number
  /** Entries per page of a list; all of them unless given. */
  pageSize?: number
}

/** One message that reached the fixture; a request without a JSON body has no method. */
export type RecordedCall = {
  http: string
  path: string
  headers: Record<string, string>
  /** As received; the whole of it, where several messages came at once. */
  body: string
  id?: unknown
  method?: string
  params?: unknown
}

export type Fixture = AsyncDisposable & {
  url: string
  /** Everything received, refused or not, in order. */
  calls(): RecordedCall[]
  /** Forgets what was received until now. */
  forget(): void
  /** The fixture's state: its lists, its tasks, whose calls were cancelled. */
  world: World
}

export async function startFixture({
  era = 'both',
  port = 0,
  pageSize,
}: FixtureOptions = {}): Promise<Fixture> {
  await using stack = new AsyncDisposableStack()
  const world = createWorld(pageSize)
  const received: RecordedCall[] = []
  const sessions = stack.use(createSessions(world))
  const modern = createMcpHandler(() => createFixtureServer(world, 'modern'), {
    legacy: 'reject',
    bus: world.bus,
  })
  stack.defer(() => modern.close())

  async function fetch(request: Request): Promise<Response> {
    received.push(...(await messagesOf(request)))
    const refused =
      hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
      originValidationResponse(request, localhostAllowedOrigins())
    if (refused !== undefined) return refused
    if (new URL(request.url).pathname !== '/mcp') return new Response('Not found', { status: 404 })
    const legacy = era === 'legacy' || (era === 'both' && (await isLegacyRequest(request)))
    return legacy ? sessions.fetch(request) : modern.fetch(request)
  }

  const handle = toNodeHandler({ fetch })
  // Node's types say `string | undefined` where the adapter's say `string` or nothing.
  const server = createServer(
    (request, response) => void handle(request as NodeIncomingMessageLike, response),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  stack.defer(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const kept = stack.move()
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    calls: () => [...received],
    forget: () => void received.splice(0),
    world,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function messagesOf(request: Request): Promise<RecordedCall[]> {
  const body = await request.clone().text()
  const { pathname, search } = new URL(request.url)
  const headers = Object.fromEntries(request.headers)
  const call = { http: request.method, path: pathname + search, headers, body }
  return [parsed(body)].flat().map((message) => ({ ...call, ...partsOf(message) }))
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function partsOf(message: unknown): Pick<RecordedCall, 'id' | 'method' | 'params'> {
  if (typeof message !== 'object' || message === null) return {}
  const { id, method, params } = message as Record<string, unknown>
  return {
    ...(id === undefined ? {} : { id }),
    ...(typeof method === 'string' ? { method } : {}),
    ...(params === undefined ? {} : { params }),
  }
}
