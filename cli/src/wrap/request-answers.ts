// One request of the client → its answer: which way it goes by its method.
import { isDecided, judged } from '@mcpshield/mcp/judged'
import { INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, type RpcAnswer } from '@mcpshield/mcp/messages'
import { namesTask } from '@mcpshield/mcp/task-methods'
import { decidedRequest, deciding, type DecidedDeps } from './decided-requests.ts'
import type { OpenRequest } from './open-requests.ts'
import { passedParams } from './passed-params.ts'
import { passingAnswer } from './passing-answers.ts'
import { answerIn } from './stdio-messages.ts'
import type { Subscriptions } from './subscriptions.ts'

export type AnswerDeps = DecidedDeps & { listening: Subscriptions }

/** The answer; undefined when the request ended without one. */
export function answerTo(deps: AnswerDeps, open: OpenRequest): Promise<RpcAnswer | undefined> | RpcAnswer {
  const { method, params } = open.request
  if (!isDecided(method)) return passed(deps, open)
  if (method === 'subscriptions/listen') return deps.listening.listen(open)
  if (namesTask(method)) return aboutTask(deps, open)
  if (method === 'tasks/list') return failure(METHOD_NOT_FOUND, 'Tasks are not listed here.')
  const read = judged(method, params)
  if (typeof read === 'string') return failure(INVALID_PARAMS, read)
  return decidedRequest(deps, deciding(deps.name, open, read))
}

async function passed(
  { name, judge, link, tools, keyedHash }: AnswerDeps,
  { request, client, signal, waits, over }: OpenRequest,
): Promise<RpcAnswer | undefined> {
  const message = { method: request.method, params: passedParams(request.method, request.params) }
  const answered = await link.ask(message, { signal, sent: waits, over })
  if ('none' in answered) {
    if (answered.none !== 'ended') return undefined
    return failure(INTERNAL_ERROR, 'The server ended before it answered.')
  }
  const couldShow = (method: string, entry: string) =>
    judge.couldShow(method, `${name}/${entry}`, client.agent)
  const passing = { tools, couldShow, redact: judge.standing(), keyedHash }
  return passingAnswer(passing, request.method, answerIn(answered.message))
}

/** A task is decided as what it is of: the tool whose call made it. */
function aboutTask(deps: AnswerDeps, open: OpenRequest): Promise<RpcAnswer | undefined> | RpcAnswer {
  const { method, params } = open.request
  const task = deps.tasks.of(params['taskId'])
  if (task === undefined) return failure(INVALID_PARAMS, 'There is no such task.')
  const { _meta, ...args } = params
  return decidedRequest(deps, { open, method, tool: task.tool, arguments: args, params, task })
}

export function failure(code: number, message: string): RpcAnswer {
  return { error: { code, message } }
}
