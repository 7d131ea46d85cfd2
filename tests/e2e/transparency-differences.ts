// What may differ between a server and the same server behind the gateway, each with its reason. All else is a fault.
import { MISSING_CAPABILITY } from '@mcpshield/mcp/messages'
import type { Received } from './canonical-tape.ts'
import type { Json } from './mcp-wire.ts'
import { GIVEN_UP, NO_TASK } from './transparency-traffic.ts'

export type Step = { name: string } & Received

type Difference = {
  why: string
  /** Changes what one message says in both runs to what they have in common; undefined: one of them may lack it. */
  leave(message: Json, step: Step): Json | undefined
}

export const DIFFERENCES: Difference[] = [
  {
    why: 'A list of tasks would tell ids of calls that nobody decided here: none is offered.',
    leave: (message) => within(message, ['result', 'capabilities', 'tasks'], ({ list: _, ...rest }) => rest),
  },
  {
    why: 'The gateway speaks every revision, whatever the server behind it speaks.',
    leave: (message) => within(message, ['result'], ({ supportedVersions: _, ...rest }) => rest),
  },
  {
    why: 'A server sees progress tokens of the gateway’s own; one that gives back what it was sent shows them.',
    leave: (message) =>
      ['_meta', 'structuredContent._meta'].reduce(
        (each, path) => within(each, ['result', ...path.split('.')], ({ progressToken: _, ...rest }) => rest),
        message,
      ),
  },
  {
    why: 'The log level is a matter of the session: the gateway takes it itself, and tells servers that log.',
    leave: (message, { name }) => (name.startsWith('logging/setLevel') ? { answered: true } : message),
  },
  {
    why: 'A report on a task is passed on once its client knows the task, which some reports are too early for.',
    leave: (message) => (message['method'] === 'notifications/tasks/status' ? undefined : message),
  },
  {
    why: 'A task of which no call of the client’s gave it the id is refused by the gateway, with its own sentence.',
    leave: (message, { name }) =>
      name.includes(NO_TASK)
        ? within(message, ['error'], (error) => ({ ...error, message: 'refused' }))
        : message,
  },
  {
    why: 'A call that its client gave up is over: what a server that goes on reports of it is not passed on.',
    leave: (message) => (isReportAfterTheEnd(message) ? undefined : message),
  },
  {
    why: 'A client that does not declare tasks is refused them by the gateway, with its own sentence.',
    leave: (message) =>
      (message['error'] as Json | undefined)?.['code'] === MISSING_CAPABILITY
        ? within(message, ['error'], (error) => ({ ...error, message: 'refused' }))
        : message,
  },
]

/** The first report is what the client waits for before it gives the call up. */
function isReportAfterTheEnd({ method, params }: Json): boolean {
  const { progressToken, progress } = (params ?? {}) as Json
  return method === 'notifications/progress' && progressToken === GIVEN_UP && Number(progress) > 1
}

/** A step without what may differ. */
export function asDocumented(step: Step): Step {
  const leave = (message: unknown) =>
    DIFFERENCES.reduce<Json | undefined>(
      (each, difference) => each && difference.leave(each, step),
      message as Json,
    ) ?? []
  return { ...step, onRequests: step.onRequests.flatMap(leave), aside: step.aside.flatMap(leave) }
}

/** The message with the object at a place changed, where there is one. */
function within(holder: Json, [first, ...rest]: string[], change: (object: Json) => Json): Json {
  if (first === undefined) return change(holder)
  const held = holder[first]
  if (typeof held !== 'object' || held === null || Array.isArray(held)) return holder
  return { ...holder, [first]: within(held as Json, rest, change) }
}
