// Change notifications: `resources/subscribe` of legacy clients and `subscriptions/listen` of modern ones, on upstreams of
// either era. Each resource is decided; that a list changed tells nothing that the list would not.
import type { DecisionPoint } from '@mcpshield/pdp/decide-call'
import { climbs } from '@mcpshield/facts/climbing-path'
import {
  DENIED,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  isObject,
  META,
  metaOf,
  type Message,
  type RpcAnswer,
  type RpcError,
} from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Log } from '@mcpshield/runtime/log'
import type { Exchange } from './client.ts'
import type { Conversations } from './conversations.ts'
import type { ProjectRuntime, RunningUpstream } from './runtimes.ts'

export type SubscriptionDeps = {
  pdp: Pick<DecisionPoint, 'decideCall' | 'mayHear' | 'mayList'>
  conversations: Conversations
  standing(exchange: Exchange, message: Message): Message
  /** Whether the asker's credential still holds. */
  isValid(exchange: Exchange): boolean
  log: Log
}

/** The parts of a filter that are about lists. */
const LIST_CHANGES = ['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'] as const
const MAX_URIS = 1_000
/** A stream whose key was revoked, or whose project was stopped, ends within this. */
const CHECK_EVERY_MS = 500

/** `subscriptions/listen`: answers when the stream is over. */
export async function listen(
  deps: SubscriptionDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
): Promise<RpcAnswer> {
  const { request } = exchange
  const asked = askedOf(deps, runtime, exchange)
  if ('error' in asked) return asked
  // Whoever may not have another stream costs no decision, and no stream of an upstream's.
  if (!exchange.openStream()) return { error: { code: INTERNAL_ERROR, message: NO_STREAM } }
  const wanted = await wantedOf(deps, runtime, exchange, asked)
  const over = new AbortController()
  const end = () => over.abort()
  exchange.signal.addEventListener('abort', end, { once: true })
  const timer = setInterval(() => {
    const slugs = wanted.map(({ upstream }) => upstream.slug)
    const stays = (slug: string) => deps.pdp.mayList(exchange.client.credential, slug)
    if (!deps.isValid(exchange) || !slugs.every(stays)) end()
  }, CHECK_EVERY_MS)
  try {
    const streams = await openStreams(deps, runtime, exchange, wanted, over.signal)
    exchange.notify(tagged(exchange, acknowledgement(streams.map(({ honored }) => honored))))
    streams.forEach(({ start }) => start())
    await Promise.race([
      aborted(over.signal),
      ...(streams.length === 0 ? [] : [Promise.all(streams.map(({ ended }) => ended))]),
    ])
    return { result: { resultType: 'complete', _meta: { [META.subscriptionId]: request.id } } }
  } finally {
    clearInterval(timer)
    end()
  }
}

const NO_STREAM = 'There are as many event streams open for this key as there may be.'

/** What a filter asks for of which upstreams. */
type Asked = { reachable: RunningUpstream[]; lists: JsonObject; uris: string[] }

function askedOf(
  { pdp }: SubscriptionDeps,
  runtime: ProjectRuntime,
  { only, client, request }: Exchange,
): Asked | { error: RpcError } {
  const invalid = (message: string) => ({ error: { code: INVALID_PARAMS, message } })
  const filter = request.params['notifications']
  if (!isObject(filter)) return invalid('The filter (notifications) must be an object.')
  const uris = filter['resourceSubscriptions'] ?? []
  const isList = Array.isArray(uris) && uris.length <= MAX_URIS
  if (!isList || !uris.every((uri): uri is string => typeof uri === 'string'))
    return invalid(`resourceSubscriptions must be a list of at most ${MAX_URIS} URIs.`)
  const reachable = runtime.upstreams.filter(
    ({ slug }) => (only === null || slug === only) && pdp.mayList(client.credential, slug),
  )
  if (only !== null && reachable.length === 0)
    return { error: { code: DENIED, message: `There is no upstream ${only} for this key.` } }
  const lists = Object.fromEntries(
    LIST_CHANGES.filter((each) => filter[each] === true).map((each) => [each, true]),
  )
  return { reachable, lists, uris }
}

type Wanted = { upstream: RunningUpstream; filter: JsonObject }

/** What is wanted of each upstream, without the resources that the policy denies. */
async function wantedOf(
  deps: SubscriptionDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
  { reachable, lists, uris }: Asked,
): Promise<Wanted[]> {
  const { only } = exchange
  const allowed = new Map<string, string[]>()
  for (const name of uris) {
    const found = only === null ? runtime.resources.resolve(name) : { slug: only, uri: name }
    if (found === undefined || climbs(found.uri) || !(await isAllowed(deps, exchange, found))) continue
    allowed.set(found.slug, [...(allowed.get(found.slug) ?? []), found.uri])
  }
  return reachable
    .map((upstream) => {
      const own = allowed.get(upstream.slug) ?? []
      return { upstream, filter: { ...lists, ...(own.length === 0 ? {} : { resourceSubscriptions: own }) } }
    })
    .filter((wanted) => Object.keys(wanted.filter).length > 0)
}

async function isAllowed(
  deps: SubscriptionDeps,
  { client, requestId }: Exchange,
  found: { slug: string; uri: string },
): Promise<boolean> {
  const verdict = await deps.pdp.decideCall({
    credential: client.credential,
    method: 'resources/subscribe',
    tool: `${found.slug}/${found.uri}`,
    arguments: { uri: found.uri },
    agent: client.agent,
    requestId,
  })
  const isStored = await verdict.recorded.then(
    () => true,
    () => false,
  )
  return verdict.forward && isStored
}

type Stream = { honored: JsonObject; ended: Promise<void>; start(): void }

/** What comes before the acknowledgement waits for it. */
async function openStreams(
  deps: SubscriptionDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
  wanted: Wanted[],
  signal: AbortSignal,
): Promise<Stream[]> {
  const streams = await Promise.all(
    wanted.map(async ({ upstream, filter }): Promise<Stream[]> => {
      let waiting: Message[] | null = []
      const tell = (message: Message) => {
        if (deps.pdp.mayHear(exchange.client.credential, upstream.slug, message))
          exchange.notify(tagged(exchange, deps.standing(exchange, message)))
      }
      try {
        const peer = await deps.conversations.with(runtime, upstream.slug, exchange)
        const { honored, ended } = await peer.listen(filter, {
          signal,
          onNotification(message) {
            if (message.method === 'notifications/tools/list_changed') upstream.catalog.outdated()
            if (waiting === null) tell(message)
            else waiting.push(message)
          },
        })
        const start = () => {
          waiting?.forEach(tell)
          waiting = null
        }
        return [{ honored, ended, start }]
      } catch (error) {
        deps.log.warn({ upstream: upstream.slug, err: error }, 'upstream left out of a subscription')
        return []
      }
    }),
  )
  return streams.flat()
}

function acknowledgement(honored: JsonObject[]): Message {
  const uris = honored.flatMap(({ resourceSubscriptions: own }) => (Array.isArray(own) ? own : []))
  const lists = Object.fromEntries(
    LIST_CHANGES.filter((each) => honored.some((one) => one[each] === true)).map((each) => [each, true]),
  )
  const notifications = { ...lists, ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }) }
  return { method: 'notifications/subscriptions/acknowledged', params: { notifications } }
}

function tagged({ request }: Exchange, { method, params = {} }: Message): Message {
  return { method, params: { ...params, _meta: { ...metaOf(params), [META.subscriptionId]: request.id } } }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
