// A server that answers what `wrap --project` asks, by the contracts' own schemas: for outages and refusals that the real
// one cannot be made to have at will.
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { ingest, type ReportedEvent } from '@mcpshield/contracts/ingest'
import { PolicyVersion, projects } from '@mcpshield/contracts/projects'

export const PROJECT = '01932b8e-5a70-7c41-9d52-3f2a1b0c9d8e'
export const KEY = 'mcps_test'

export type ProjectServer = AsyncDisposable & {
  url: string
  /** What was reported, each event once. */
  events: Map<string, ReportedEvent>
  requests: { method: string; path: string; headers: IncomingMessage['headers']; body: unknown }[]
  policy: { version: number; policy_yaml: string }
  /** Answers in the place of the usual one, where it gives one. */
  instead: (path: string, body: unknown) => { status: number; body: object } | undefined
}

export async function startProjectServer(policy: string, port = 0): Promise<ProjectServer> {
  const state: Omit<ProjectServer, typeof Symbol.asyncDispose> = {
    url: '',
    events: new Map(),
    requests: [],
    policy: { version: 1, policy_yaml: policy },
    instead: () => undefined,
  }
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { method = '', url: path = '', headers } = request
      state.requests.push({ method, path, headers, body })
      const answer = state.instead(path, body) ?? usual(state, method, path, headers, body)
      response.writeHead(answer.status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer.body))
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(state, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
}

type State = Parameters<typeof usual>[0]

function usual(
  state: Pick<ProjectServer, 'events' | 'policy'>,
  method: string,
  path: string,
  headers: IncomingMessage['headers'],
  body: unknown,
): { status: number; body: object } {
  const byKey = headers['x-api-key'] === KEY
  if (method === 'POST' && path === `/projects/${PROJECT}/keys` && headers.authorization !== undefined)
    return madeKey(body)
  if (!byKey) return { status: 401, body: { detail: 'This API key is not known.' } }
  if (path === `/projects/${PROJECT}/policy`) return { status: 200, body: policyVersion(state) }
  if (path === '/events/ingest') return reported(state, body)
  return { status: 404, body: { detail: 'There is nothing here.' } }
}

function policyVersion({ policy }: Pick<State, 'policy'>): object {
  const created_at = '2026-01-01T00:00:00.000Z'
  const rest = { hash: `hash ${policy.version}`, note: null, author_id: null, created_at, diagnostics: [] }
  return PolicyVersion.parse({ ...policy, ...rest })
}

function madeKey(body: unknown): { status: number; body: object } {
  projects.rpc.createKey.input.parse({ project_id: PROJECT, ...(body as object) })
  return { status: 201, body: { api_key: KEY } }
}

function reported({ events }: Pick<State, 'events'>, body: unknown): { status: number; body: object } {
  const read = ingest.rpc.reportEvents.input.safeParse(body)
  if (!read.success) return { status: 400, body: { detail: read.error.message } }
  const all = 'events' in read.data ? read.data.events : [read.data]
  const known = events.size
  for (const event of all) events.set(event.event_id, event)
  const accepted = events.size - known
  const usage = { month: '2026-01', count: events.size, limit: null }
  return { status: 202, body: { accepted, duplicates: all.length - accepted, usage } }
}
