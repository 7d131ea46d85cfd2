// What a client is shown of what there is: only what some call could be allowed, and no tool in quarantine.
import type { DecisionPoint } from '@mcpshield/pdp/decide-call'
import { entriesOf, isListMethod, isShown, LISTS, nameOf, type ListMethod } from '@mcpshield/mcp/lists'
import { INVALID_PARAMS, rpcError, type RpcAnswer } from '@mcpshield/mcp/messages'
import { wireName } from '@mcpshield/mcp/names'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import { inEraOf, modernResult } from './bridge.ts'
import type { Exchange } from './client.ts'
import { CONNECTOR_TOOLS, connectorTool, type ConnectorToolName } from './connectors/tools.ts'
import type { Conversations } from './conversations.ts'
import type { ProjectRuntime, RunningUpstream } from './runtimes.ts'
import { everyEntry } from './upstream-lists.ts'

export type ListDeps = {
  pdp: Pick<DecisionPoint, 'couldShow' | 'mayList'>
  conversations: Conversations
  /** Prose of a list that belongs to no decided call. */
  standing(exchange: Exchange, entry: JsonObject): JsonObject
  /** Whatever else of a list's answer belongs to no decided call. */
  redacted(exchange: Exchange, value: JsonObject): JsonObject
  upstreamTimeoutMs: number
  log: Log
}

export async function list(deps: ListDeps, runtime: ProjectRuntime, exchange: Exchange): Promise<RpcAnswer> {
  const { method } = exchange.request
  if (!isListMethod(method)) throw new Error(`${method} is no list`)
  return exchange.only === null
    ? listAll(deps, runtime, exchange, method)
    : listOne(deps, runtime, exchange, method)
}

/** One upstream's list, page by page as it gives it. */
async function listOne(
  deps: ListDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
  method: ListMethod,
): Promise<RpcAnswer> {
  const slug = exchange.only ?? ''
  const upstream = runtime.upstream(slug)
  const { client, request, signal } = exchange
  if (upstream === undefined || !deps.pdp.mayList(client.credential, slug))
    return { error: { code: INVALID_PARAMS, message: `There is no upstream ${slug} for this key.` } }
  const peer = await deps.conversations.with(runtime, slug, exchange)
  const { cursor, _meta } = request.params
  const params = { ...(cursor === undefined ? {} : { cursor }), ...(_meta === undefined ? {} : { _meta }) }
  const answer = await peer.request(method, params, { timeoutMs: deps.upstreamTimeoutMs, signal })
  if ('error' in answer)
    return inEraOf(client, peer, method, { error: rpcError(deps.redacted(exchange, { ...answer.error })) })
  const entries = entriesOf(answer.result, method)
  // Names of resources are looked up at the common endpoint alone, where whole lists are read.
  if (method === 'tools/list') await learn(upstream, runtime, method, entries)
  const shown = entries.filter((entry) => isShown(method, entry, showing(deps, exchange, upstream)))
  const result = {
    ...beside(deps, exchange, answer.result),
    [LISTS[method].member]: shown.map((entry) => deps.standing(exchange, entry)),
  }
  return inEraOf(client, peer, method, { result })
}

/** What stands beside a list, without what some rule redacts; what the next page is asked by must stay as it is. */
function beside(deps: ListDeps, exchange: Exchange, result: JsonObject): JsonObject {
  const { nextCursor, ...rest } = result
  return { ...deps.redacted(exchange, rest), ...(nextCursor === undefined ? {} : { nextCursor }) }
}

/** Everything of everybody, in one page, ordered by name. An upstream that does not answer hides nobody else. */
async function listAll(
  deps: ListDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
  method: ListMethod,
): Promise<RpcAnswer> {
  const ofUpstreams = await Promise.all(
    runtime.upstreams
      .filter(({ slug }) => deps.pdp.mayList(exchange.client.credential, slug))
      .map(async ({ slug, ...rest }) => ({
        slug,
        shown: await entriesOn(deps, runtime, exchange, { slug, ...rest }, method),
      })),
  )
  const { member, name } = LISTS[method]
  // Only when every list is there is it known which names two have.
  const named = ofUpstreams.flatMap(({ slug, shown }) =>
    shown.map((entry) => ({ ...entry, [name]: shownName(runtime, slug, method, nameOf(method, entry)) })),
  )
  const entries: JsonObject[] = [
    ...(method === 'tools/list' ? connectorTools(deps, runtime, exchange) : []),
    ...named,
  ]
  const result = {
    [member]: entries.sort((left, right) => (nameOf(method, left) < nameOf(method, right) ? -1 : 1)),
  }
  return { result: exchange.client.era === 'modern' ? modernResult(method, result, SERVER_INFO) : result }
}

const SERVER_INFO = { name: 'mcpshield', version: '0.1.0' }

async function entriesOn(
  deps: ListDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
  upstream: RunningUpstream,
  method: ListMethod,
): Promise<JsonObject[]> {
  try {
    const peer = await deps.conversations.with(runtime, upstream.slug, exchange)
    if (peer.server.capabilities[LISTS[method].capability] === undefined) return []
    const entries = await everyEntry(peer, method)
    await learn(upstream, runtime, method, entries)
    return entries
      .filter((entry) => isShown(method, entry, showing(deps, exchange, upstream)))
      .map((entry) => deps.standing(exchange, entry))
  } catch (error) {
    deps.log.warn({ upstream: upstream.slug, method, err: error }, 'upstream left out of the list')
    return []
  }
}

/** Takes in what was listed. */
async function learn(
  { slug, catalog }: RunningUpstream,
  runtime: ProjectRuntime,
  method: ListMethod,
  entries: JsonObject[],
): Promise<void> {
  const names = entries.map((entry) => nameOf(method, entry))
  if (method === 'tools/list') await catalog.learn(entries as { name: string }[] & JsonObject[])
  if (method === 'resources/list') runtime.resources.learn(slug, names)
  if (method === 'resources/templates/list') runtime.resources.learnTemplates(slug, names)
  if (method !== 'tools/list' && method !== 'prompts/list') return
  for (const name of names) shownName(runtime, slug, method, name)
}

/** Lists tell them again. */
const MAX_NAMES = 100_000

/** The name on the wire, where many upstreams stand behind one endpoint; one that had to be changed is remembered. */
function shownName(
  { hashedNames, resources }: ProjectRuntime,
  slug: string,
  method: ListMethod,
  name: string,
): string {
  if (method === 'resources/templates/list') return name
  if (method === 'resources/list') return resources.nameOf(slug, name)
  const canonical = `${slug}/${name}`
  const wire = wireName(canonical)
  if (hashedNames.size >= MAX_NAMES) hashedNames.clear()
  hashedNames.set(wire, canonical)
  return wire
}

function showing(
  { pdp }: ListDeps,
  { client }: Exchange,
  { slug, catalog }: RunningUpstream,
): Parameters<typeof isShown>[2] {
  return {
    couldShow: (method, name) => pdp.couldShow(client.credential, method, `${slug}/${name}`),
    isQuarantined: (tool, entry) => catalog.quarantine(tool, entry) !== undefined,
  }
}

function connectorTools(
  { pdp }: ListDeps,
  { connectors }: ProjectRuntime,
  { client }: Exchange,
): JsonObject[] {
  return (Object.keys(CONNECTOR_TOOLS) as ConnectorToolName[])
    .map((name) => ({ name, connections: connectors.of(name) }))
    .filter(
      ({ name, connections }) =>
        connections.length > 0 && pdp.couldShow(client.credential, 'tools/call', name),
    )
    .map(({ name, connections }) => ({ ...connectorTool(name, connections), name: wireName(name) }))
}

const relisting = new WeakMap<ProjectRuntime, { done: Promise<void>; startedMs: number }>()
const RELIST_EVERY_MS = 1_000

/** Reads every list again, so that names newer than the last one are known; for all who ask at once, and not more often than that. */
export function relist(deps: ListDeps, runtime: ProjectRuntime, exchange: Exchange): Promise<void> {
  const last = relisting.get(runtime)
  if (last !== undefined && performance.now() - last.startedMs < RELIST_EVERY_MS) return last.done
  const done = readEveryList(deps, runtime, exchange)
  relisting.set(runtime, { done, startedMs: performance.now() })
  return done
}

async function readEveryList(deps: ListDeps, runtime: ProjectRuntime, exchange: Exchange): Promise<void> {
  const methods: ListMethod[] = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']
  await Promise.all(
    runtime.upstreams
      .filter(({ slug }) => deps.pdp.mayList(exchange.client.credential, slug))
      .flatMap((upstream) => methods.map((method) => entriesOn(deps, runtime, exchange, upstream, method))),
  )
}
