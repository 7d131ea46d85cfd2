// What was received, in a form in which two runs of the same traffic are the same: whatever is new in each run by its nature
// (ids, states, times) stands under a name of its kind. Nothing else is touched.
import type { Json } from './mcp-wire.ts'
import type { Taped } from './tape.ts'

/** What came in one step. Over a pipe there is one order of everything, over HTTP one for each of the two. */
export type Received = {
  /** On the responses to what the client sent, in the order in which that was sent. */
  onRequests: unknown[]
  /** On the client's own stream. */
  aside: unknown[]
}

export function canonical(taped: readonly Taped[], names: Names): Received {
  const requests = [...new Set(taped.map(({ request }) => request))]
    .filter((each) => each !== undefined)
    .sort((a, b) => a - b)
  const onRequests = requests.flatMap((request) => taped.filter((each) => each.request === request))
  return {
    onRequests: [...onRequests, ...taped.filter(({ on }) => on === 'pipe')].map((each) =>
      message(each, names),
    ),
    aside: taped.filter(({ on }) => on === 'aside').map((each) => message(each, names)),
  }
}

/**
 * For comparison with a pipe, where nothing tells the two apart: what was said without being asked in the order of arrival,
 * then the answers. Over HTTP two streams have no order between them.
 */
export function inOneOrder(taped: readonly Taped[], names: Names): Received {
  const all = taped.map(({ message: each }) => message({ message: each, on: 'pipe' }, names))
  const isAnswer = (each: unknown) => !Object.hasOwn(each as Json, 'method')
  return { onRequests: [...all.filter((each) => !isAnswer(each)), ...all.filter(isAnswer)], aside: [] }
}

/** Of the tasks of one run, in the order in which they were first heard of: what is said of one must be told from another. */
export type Names = Map<string, string>

function message({ message: { jsonrpc: _, id, ...rest }, status }: Taped, names: Names): unknown {
  const isAnswer = rest['method'] === undefined
  // A status says something where there was an error; that of a good answer is that of its stream.
  const http = status === undefined || !('error' in rest) ? {} : { status }
  return { ...(id === undefined || isAnswer ? {} : { id: '<id>' }), ...http, ...(plain(rest, names) as Json) }
}

/** Members whose values are made anew by who makes them. */
const MADE_UP: Record<string, string> = {
  requestState: '<state>',
  elicitationId: '<elicitation>',
  'io.modelcontextprotocol/subscriptionId': '<subscription>',
}

const IN_TEXT: [RegExp, string][] = [
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4} \([^)]+\)/g, '<time>'],
  [/\b\d{1,2}:\d\d:\d\d( [AP]M)?\b/g, '<time>'],
]

function plain(value: unknown, names: Names): unknown {
  if (typeof value === 'string')
    return IN_TEXT.reduce((text, [what, name]) => text.replace(what, name), value)
  if (Array.isArray(value)) return value.map((each) => plain(each, names))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      // Questions of a task are named after it.
      key.replace(/^[0-9a-f]{8}-(?=[a-z])/, '<id>-'),
      key === 'taskId' && typeof each === 'string'
        ? taskName(each, names)
        : MADE_UP[key] !== undefined && (typeof each === 'string' || typeof each === 'number')
          ? MADE_UP[key]
          : plain(each, names),
    ]),
  )
}

function taskName(id: string, names: Names): string {
  const name = names.get(id) ?? `<task ${names.size + 1}>`
  names.set(id, name)
  return name
}

/** What a value is made of, where what it says differs from run to run: the same for two calls of the same tool. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value))
    return [...new Set(value.map((each) => JSON.stringify(shapeOf(each))))].map(
      (each) => JSON.parse(each) as unknown,
    )
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shapeOf(each)]))
}
