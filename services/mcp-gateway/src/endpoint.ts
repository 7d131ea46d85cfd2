// One request at an MCP endpoint → its answer. Every request of every method passes here, and every one that acts on
// something goes on to the choke point (decided.ts).
import { AppError } from '@mcpshield/contracts/errors'
import { writeAnswer, type WrittenAnswer } from '@mcpshield/mcp/json-rpc'
import { isListMethod } from '@mcpshield/mcp/lists'
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  isObject,
  METHOD_NOT_FOUND,
  MISSING_CAPABILITY,
  type RpcAnswer,
  type RpcError,
} from '@mcpshield/mcp/messages'
import { namesTask } from '@mcpshield/mcp/task-methods'
import type { JsonObject } from '@mcpshield/policy/facts'
import { elsewhere, type Client, type Exchange } from './client.ts'
import { serveDecided, type DecidedDeps } from './decided.ts'
import { introduce, type HandshakeDeps } from './handshake.ts'
import { list, relist, type ListDeps } from './lists.ts'
import type { ProjectRuntime } from './runtimes.ts'
import { listen, type SubscriptionDeps } from './subscriptions.ts'
import { targetOf, type Target } from './targets.ts'
import { openTask, type TaskTerms } from './tasks.ts'

export type EndpointDeps = DecidedDeps & {
  lists: ListDeps
  handshakes: HandshakeDeps
  subscriptions: SubscriptionDeps
}

/** Answers one request. Failures of ours are JSON-RPC errors; denials are answers. Never rejects. */
export async function answerRequest(deps: EndpointDeps, exchange: Exchange): Promise<WrittenAnswer> {
  const { requestId } = exchange
  try {
    const { method } = exchange.request
    if (exchange.client.era === 'legacy' ? MODERN_ONLY.has(method) : LEGACY_ONLY.has(method))
      return unknown(method)
    // JSON-RPC keeps these names for itself: they are no server's.
    if (method.startsWith('rpc.')) return unknown(method)
    if (method === 'ping') return result({})
    if (method === 'logging/setLevel') return result(await setLevel(exchange))
    const runtime = await deps.runtimeOf(exchange.client.credential.project_id)
    if (method === 'initialize' || method === 'server/discover')
      return written(
        await elsewhere(exchange, 'upstream', () => introduce(deps.handshakes, runtime, exchange)),
      )
    if (isListMethod(method))
      return written(await elsewhere(exchange, 'upstream', () => list(deps.lists, runtime, exchange)))
    if (method === 'subscriptions/listen') return written(await listen(deps.subscriptions, runtime, exchange))
    return await decided(deps, runtime, exchange)
  } catch (thrown) {
    if (thrown instanceof AppError)
      return written({ error: { code: codeOf(thrown), message: thrown.message } })
    deps.log.error({ err: thrown, requestId }, 'request failed')
    return written({
      error: { code: INTERNAL_ERROR, message: `Something went wrong on our side. Request ${requestId}.` },
    })
  }
}

/** What a legacy client tells outside of its requests and the transport's own matters. */
export async function answerNotification(deps: EndpointDeps, client: Client, method: string): Promise<void> {
  if (method !== 'notifications/roots/list_changed' || client.session === null) return
  await Promise.all(
    deps.conversations.open(client.session).map((peer) => peer.notify(method).catch(() => undefined)),
  )
}

/** What the modern era did away with, and what it brought: the other era's methods are not known. */
const LEGACY_ONLY = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/list',
  'tasks/result',
])
const MODERN_ONLY = new Set(['server/discover', 'subscriptions/listen', 'tasks/list'])

const written = (answer: RpcAnswer) => writeAnswer(answer)
const result = (value: JsonObject) => writeAnswer({ result: value })
const unknown = (method: string) =>
  written({ error: { code: METHOD_NOT_FOUND, message: `The method ${method} is not known here.` } })

function codeOf(error: AppError): number {
  return error.code === 'NOT_FOUND' || error.code === 'INVALID_ARGUMENT' ? INVALID_PARAMS : INTERNAL_ERROR
}

const LEVELS = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'])

/** A matter of the session alone: upstreams learn of it when they are next asked something. */
async function setLevel({ client, request }: Exchange): Promise<JsonObject> {
  const { level } = request.params
  if (typeof level !== 'string' || !LEVELS.has(level))
    throw new AppError('INVALID_ARGUMENT', `The level must be one of: ${[...LEVELS].join(', ')}.`)
  await client.session?.setLogLevel(level)
  return {}
}

async function decided(
  deps: EndpointDeps,
  runtime: ProjectRuntime,
  exchange: Exchange,
): Promise<WrittenAnswer> {
  const { method, params } = exchange.request
  if (namesTask(method)) {
    if (exchange.client.era === 'modern' && !knowsTasks(exchange.client))
      return written({ error: NEEDS_TASKS })
    const task = await openTask(deps.states, exchange.client, params['taskId'])
    if ('problem' in task)
      return malformed(deps, exchange, { error: { code: INVALID_PARAMS, message: task.problem } })
    return serveDecided(deps, { exchange, runtime, target: taskTarget(method, params, task), task })
  }
  const target = await targetOf(runtime, exchange, () =>
    elsewhere(exchange, 'upstream', () => relist(deps.lists, runtime, exchange)),
  )
  if ('error' in target) return malformed(deps, exchange, target)
  return serveDecided(deps, { exchange, runtime, target })
}

/** What names nothing that could be decided leaves a record all the same. */
async function malformed(
  { pdp }: EndpointDeps,
  { client, requestId }: Exchange,
  answer: { error: RpcError },
): Promise<WrittenAnswer> {
  await pdp
    .recordMalformed(client.credential, { reason: answer.error.message, requestId })
    .catch(() => undefined)
  return written(answer)
}

const TASKS = 'io.modelcontextprotocol/tasks'
const NEEDS_TASKS = {
  code: MISSING_CAPABILITY,
  message: `This needs a client that declares the extension ${TASKS}.`,
  data: { requiredCapabilities: { extensions: { [TASKS]: {} } } },
}

function knowsTasks({ capabilities: { extensions } }: Client): boolean {
  return isObject(extensions) && Object.hasOwn(extensions, TASKS)
}

/** A task is decided as what it is of: the tool whose call made it. */
function taskTarget(method: string, params: JsonObject, { slug, tool }: TaskTerms): Target {
  const { _meta, ...args } = params
  return { method, tool, arguments: args, params, at: { slug, tool: null } }
}
