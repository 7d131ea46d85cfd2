// What a decided request acts on: a connector's tool, or something of one upstream; and how the policy names it.
import { climbs } from '@mcpshield/facts/climbing-path'
import { judged, type Judged } from '@mcpshield/mcp/judged'
import { INVALID_PARAMS, METHOD_NOT_FOUND, type RpcError } from '@mcpshield/mcp/messages'
import { canonicalOf } from '@mcpshield/mcp/names'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Exchange } from './client.ts'
import { isConnectorToolName, type ConnectorToolName } from './connectors/tools.ts'
import type { ProjectRuntime } from './runtimes.ts'

export type Target = {
  /** As rules name it. */
  method: string
  /** Canonical: `postgres.query`, `github/create_issue`, `docs/file:///a.txt`. */
  tool: string
  /** What facts are drawn from. */
  arguments: JsonObject
  /** What is sent on, under the names of whoever gets it. */
  params: JsonObject
  at: { connector: ConnectorToolName } | { slug: string; tool: string | null }
}

/** Reads lists again; a name may be newer than the last one. */
export type Relist = () => Promise<void>

const HASHED = /_[0-9a-f]{8}$/

/** The target of a request, or the error that answers it: there is nothing that could be decided. */
export async function targetOf(
  runtime: ProjectRuntime,
  exchange: Exchange,
  relist: Relist,
): Promise<Target | { error: RpcError }> {
  const { method, params } = exchange.request
  const request = judged(method, params)
  if (typeof request === 'string') return invalid(request)
  if (exchange.only !== null) return upstreamTarget(request, exchange.only, request.target)
  switch (request.method) {
    case 'tools/call':
    case 'prompts/get':
      return namedTarget(request, await canonicalName(runtime, request.target, relist))
    case 'completion/complete': {
      const ref = request.params['ref'] as JsonObject
      if (ref['type'] === 'ref/resource') return resourceTarget(runtime, request, relist)
      return namedTarget(request, await canonicalName(runtime, request.target, relist))
    }
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return resourceTarget(runtime, request, relist)
    default:
      return methodTarget(runtime, request)
  }
}

function upstreamTarget(request: Judged, slug: string, name: string): Target {
  const tool = request.method === 'tools/call' ? name : null
  return { ...request, tool: `${slug}/${name}`, at: { slug, tool } }
}

/** A tool or prompt by its canonical name; what is sent on bears the upstream's own. */
function namedTarget(request: Judged, canonical: string): Target {
  if (request.method === 'tools/call' && isConnectorToolName(canonical))
    return { ...request, tool: canonical, at: { connector: canonical } }
  const slash = canonical.indexOf('/')
  // A name of no known form is decided all the same, and reaches nothing.
  if (slash < 0) return { ...request, tool: canonical, at: { slug: '', tool: canonical } }
  const [slug, name] = [canonical.slice(0, slash), canonical.slice(slash + 1)]
  return upstreamTarget({ ...request, params: renamed(request, name) }, slug, name)
}

function renamed({ method, params }: Judged, name: string): JsonObject {
  if (method !== 'completion/complete') return { ...params, name }
  const ref = params['ref'] as JsonObject
  return { ...params, ref: { ...ref, name } }
}

async function resourceTarget(
  runtime: ProjectRuntime,
  request: Judged,
  relist: Relist,
): Promise<Target | { error: RpcError }> {
  if (runtime.resources.resolve(request.target) === undefined) await relist()
  const found = runtime.resources.resolve(request.target) ?? onlyUpstream(runtime, request.target)
  if (found === undefined)
    return invalid(
      `No upstream is known to have ${request.target}: name it mcpshield://<upstream>/<the URI, percent-encoded>.`,
    )
  if (climbs(found.uri)) return invalid('The URI has a path that climbs (. or ..): name the resource itself.')
  const { method, params } = request
  if (method === 'completion/complete') {
    const ref = { ...(params['ref'] as JsonObject), uri: found.uri }
    return upstreamTarget(
      { ...request, arguments: { ...request.arguments, ref }, params: { ...params, ref } },
      found.slug,
      found.uri,
    )
  }
  return upstreamTarget(
    { ...request, arguments: { uri: found.uri }, params: { ...params, uri: found.uri } },
    found.slug,
    found.uri,
  )
}

function onlyUpstream({ upstreams }: ProjectRuntime, uri: string): { slug: string; uri: string } | undefined {
  const [only, ...others] = upstreams
  return only === undefined || others.length > 0 ? undefined : { slug: only.slug, uri }
}

/** A method that is not known here is an upstream's own: it goes on where there is one that can be meant. */
function methodTarget({ upstreams }: ProjectRuntime, request: Judged): Target | { error: RpcError } {
  const [only, ...others] = upstreams
  if (only !== undefined && others.length === 0) return upstreamTarget(request, only.slug, request.target)
  return {
    error: {
      code: METHOD_NOT_FOUND,
      message: `The method ${request.method} is not known here; an upstream's own is reached at /mcp/<upstream>.`,
    },
  }
}

/** Most names tell their canonical form; one that carries a hash is looked up among the listed ones. */
async function canonicalName(runtime: ProjectRuntime, wire: string, relist: Relist): Promise<string> {
  if (!HASHED.test(wire)) return canonicalOf(wire)
  if (!runtime.hashedNames.has(wire)) await relist()
  return runtime.hashedNames.get(wire) ?? canonicalOf(wire)
}

function invalid(message: string): { error: RpcError } {
  return { error: { code: INVALID_PARAMS, message } }
}
