// What a project's calls reach: its upstreams and connectors, opened when first needed and closed when the
// project's settings change.
import type { Runtime } from '@mcpshield/contracts/projects'
import { AppError } from '@mcpshield/contracts/errors'
import type { Snapshots } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'
import { openConnectors, type Connectors } from './connectors/connectors.ts'
import { CONNECTOR_TOOLS, connectorTool, type ConnectorToolName } from './connectors/tools.ts'
import { wireName } from './names.ts'
import { httpUpstream } from './upstreams/http.ts'
import { stdioUpstream } from './upstreams/stdio.ts'
import { listUpstreamTools, type Upstream, type UpstreamTool } from './upstreams/upstream.ts'

export type ListedTool = { canonical: string; slug: string | null; definition: UpstreamTool }

export type ProjectRuntime = AsyncDisposable & {
  version: number
  connectors: Connectors
  upstream(slug: string): Upstream | undefined
  /** Every tool of every upstream and connector; an upstream that does not answer is left out. */
  listTools(): Promise<ListedTool[]>
  /** The canonical name behind a wire name that carries a hash. */
  hashedName(wire: string): string | undefined
}

export type Runtimes = AsyncDisposable & { of(projectId: string): Promise<ProjectRuntime> }

type RuntimesDeps = {
  snapshots: Snapshots
  load(projectId: string): Promise<Runtime>
  upstreamPath: string
  upstreamTimeoutMs: number
  log: Log
}

/** How old a list of tools may be. */
const LIST_FRESH_MS = 5_000
const LIST_TIMEOUT_MS = 10_000
/** A closed runtime's calls in progress may end before its connections do. */
const CLOSE_AFTER_MS = 1_000

export function connectRuntimes(deps: RuntimesDeps): Runtimes {
  const open = new Map<string, Promise<ProjectRuntime>>()
  const close = (runtime: Promise<ProjectRuntime>) =>
    runtime
      .then((each) => each[Symbol.asyncDispose]())
      .catch((error: unknown) => deps.log.warn({ err: error }, 'closing upstreams'))

  const stale = async (projectId: string) => {
    const runtime = open.get(projectId)
    if (runtime === undefined) return
    const { version } = await runtime.catch(() => ({ version: -1 }))
    const now = deps.snapshots.project(projectId)?.snapshot.runtime_version
    if (version === now || open.get(projectId) !== runtime) return
    open.delete(projectId)
    setTimeout(() => void close(runtime), CLOSE_AFTER_MS)
  }
  deps.snapshots.onChange((projectId) => void stale(projectId))

  return {
    of(projectId) {
      const known = open.get(projectId)
      if (known !== undefined) return known
      const opening = deps.load(projectId).then((runtime) => openRuntime(runtime, deps))
      open.set(projectId, opening)
      opening.catch(() => {
        if (open.get(projectId) === opening) open.delete(projectId)
      })
      return opening
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...open.values()].map(close))
    },
  }
}

function openRuntime(runtime: Runtime, deps: RuntimesDeps): ProjectRuntime {
  const connectors = openConnectors(runtime.connections, (message) => deps.log.warn(message))
  const upstreams = new Map(runtime.upstreams.map((spec) => [spec.slug, connectUpstream(spec, deps)]))
  const lists = new Map<string, { tools: UpstreamTool[]; readAtMs: number }>()
  const hashed = new Map<string, string>()

  const toolsOf = async (upstream: Upstream): Promise<UpstreamTool[]> => {
    const known = lists.get(upstream.slug)
    if (known !== undefined && Date.now() - known.readAtMs < LIST_FRESH_MS) return known.tools
    try {
      const tools = await listUpstreamTools(upstream, LIST_TIMEOUT_MS)
      lists.set(upstream.slug, { tools, readAtMs: Date.now() })
      return tools
    } catch (error) {
      deps.log.warn({ upstream: upstream.slug, err: error }, 'upstream left out of the list')
      return []
    }
  }
  return {
    version: runtime.runtime_version,
    connectors,
    upstream: (slug) => upstreams.get(slug),
    hashedName: (wire) => hashed.get(wire),
    async listTools() {
      const perUpstream = await Promise.all(
        [...upstreams.values()].map(async (each) => ({ each, tools: await toolsOf(each) })),
      )
      const listed: ListedTool[] = [
        ...connectorTools(connectors),
        ...perUpstream.flatMap(({ each, tools }) =>
          tools.map((definition) => ({
            canonical: `${each.slug}/${definition.name}`,
            slug: each.slug,
            definition,
          })),
        ),
      ]
      for (const { canonical } of listed) hashed.set(wireName(canonical), canonical)
      return listed
    },
    async [Symbol.asyncDispose]() {
      await connectors[Symbol.asyncDispose]()
      await Promise.all([...upstreams.values()].map((upstream) => upstream[Symbol.asyncDispose]()))
    },
  }
}

function connectorTools(connectors: Connectors): ListedTool[] {
  return (Object.keys(CONNECTOR_TOOLS) as ConnectorToolName[])
    .map((name) => ({ name, connections: connectors.of(name) }))
    .filter(({ connections }) => connections.length > 0)
    .map(({ name, connections }) => ({
      canonical: name,
      slug: null,
      definition: connectorTool(name, connections),
    }))
}

function connectUpstream(spec: Runtime['upstreams'][number], deps: RuntimesDeps): Upstream {
  if (spec.transport === 'stdio' && spec.command !== null) {
    return stdioUpstream(
      { slug: spec.slug, command: spec.command, args: spec.args, env: spec.env, path: deps.upstreamPath },
      deps.log,
    )
  }
  if (spec.transport === 'http' && spec.url !== null) {
    return httpUpstream({ slug: spec.slug, url: spec.url, headers: spec.headers })
  }
  const failed = new AppError(
    'UNAVAILABLE',
    `The upstream ${spec.slug} has a transport that this gateway does not speak.`,
  )
  return { slug: spec.slug, send: () => Promise.reject(failed), [Symbol.asyncDispose]: async () => undefined }
}
