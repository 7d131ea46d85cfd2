// What a project's calls reach: its upstreams and connectors, opened when first needed and closed when the
// project's settings change.
import type { Runtime } from '@mcpshield/contracts/projects'
import { AppError } from '@mcpshield/contracts/errors'
import type { Snapshots } from '@mcpshield/pdp/snapshots'
import type { Log } from '@mcpshield/runtime/log'
import { connectUpstream, refusedUpstream } from '@mcpshield/upstream/connect'
import type { Reach } from '@mcpshield/upstream/reach'
import type { TokenSource, Upstream, UpstreamSpec } from '@mcpshield/upstream/upstream'
import { openConnectors, type Connectors } from './connectors/connectors.ts'
import { resourceNames, type ResourceNames } from './resource-names.ts'
import type { CommandBound } from './upstream-commands.ts'
import { toolCatalog, type Pins, type ToolCatalog } from '@mcpshield/mcp/tool-catalog'

export type RunningUpstream = { slug: string; connection: Upstream; catalog: ToolCatalog }

export type ProjectRuntime = AsyncDisposable & {
  projectId: string
  version: number
  connectors: Connectors
  /** By slug. */
  upstreams: readonly RunningUpstream[]
  upstream(slug: string): RunningUpstream | undefined
  /** Which upstream a resource is of. */
  resources: ResourceNames
  /** Canonical names behind wire names that carry a hash, as lists told them. */
  hashedNames: Map<string, string>
}

export type Runtimes = AsyncDisposable & {
  of(projectId: string): Promise<ProjectRuntime>
  /** How many tools of the open ones are in quarantine. */
  quarantined(): number
}

type RuntimesDeps = {
  snapshots: Snapshots
  load(projectId: string): Promise<Runtime>
  pins(upstreamId: string): Pins | undefined
  reportTools(projectId: string, upstreamId: string, tools: Parameters<Report>[0]): ReturnType<Report>
  tokens(projectId: string, upstreamId: string): TokenSource
  upstreamPath: string
  /** The operator's bounds; where one is absent, anything goes. */
  reach?: Reach | undefined
  commands?: CommandBound | undefined
  log: Log
}

type Report = Parameters<typeof toolCatalog>[0]['report']

/** A closed runtime's calls in progress may end before its connections do. */
const CLOSE_AFTER_MS = 1_000

export function connectRuntimes(deps: RuntimesDeps): Runtimes {
  const open = new Map<string, Promise<ProjectRuntime>>()
  const opened = new WeakMap<Promise<ProjectRuntime>, ProjectRuntime>()
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
      const opening = deps.load(projectId).then((runtime) => openRuntime(projectId, runtime, deps))
      open.set(projectId, opening)
      opening.then(
        (runtime) => opened.set(opening, runtime),
        () => void (open.get(projectId) === opening && open.delete(projectId)),
      )
      return opening
    },
    quarantined: () =>
      [...open.values()]
        .flatMap((opening) => opened.get(opening)?.upstreams ?? [])
        .reduce((sum, { catalog }) => sum + catalog.quarantinedCount(), 0),
    async [Symbol.asyncDispose]() {
      await Promise.all([...open.values()].map(close))
    },
  }
}

function openRuntime(projectId: string, runtime: Runtime, deps: RuntimesDeps): ProjectRuntime {
  const connectors = openConnectors(runtime.connections, (message) => deps.log.warn(message), deps.reach)
  const upstreams = runtime.upstreams
    .map((spec): RunningUpstream => {
      const { id, slug } = spec
      return {
        slug,
        connection: connectionOf(specOf(projectId, spec, deps), deps),
        catalog: toolCatalog({
          slug,
          pins: () => deps.pins(id),
          report: (tools) => deps.reportTools(projectId, id, tools),
          nowMs: () => performance.now(),
        }),
      }
    })
    .sort((left, right) => (left.slug < right.slug ? -1 : 1))
  const bySlug = new Map(upstreams.map((each) => [each.slug, each]))
  return {
    projectId,
    version: runtime.runtime_version,
    connectors,
    upstreams,
    upstream: (slug) => bySlug.get(slug),
    resources: resourceNames(),
    hashedNames: new Map(),
    async [Symbol.asyncDispose]() {
      await connectors[Symbol.asyncDispose]()
      await Promise.all(upstreams.map(({ connection }) => connection[Symbol.asyncDispose]()))
    },
  }
}

function connectionOf(spec: UpstreamSpec, { commands, log }: RuntimesDeps): Upstream {
  const refused = spec.transport === 'stdio' ? commands?.(spec) : undefined
  return refused === undefined ? connectUpstream(spec, log) : refusedUpstream(spec.slug, refused)
}

function specOf(projectId: string, spec: Runtime['upstreams'][number], deps: RuntimesDeps): UpstreamSpec {
  const { id, slug, transport, url, headers, command, args, env, oauth } = spec
  if (transport === 'stdio') {
    if (command === null) throw new AppError('INTERNAL', `The upstream ${slug} has no command.`)
    return { slug, transport, command, args, env, path: deps.upstreamPath }
  }
  if (url === null) throw new AppError('INTERNAL', `The upstream ${slug} has no URL.`)
  const tokens = oauth ? { tokens: deps.tokens(projectId, id) } : {}
  return { slug, transport, url, headers, ...tokens, reach: deps.reach }
}
