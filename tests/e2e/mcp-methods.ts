// What a client may ask the gateway for, and by which way: the rows and columns of what must be denied and allowed.
import type { Era } from '@mcpshield/mcp/messages'
import type { Json } from './mcp-wire.ts'

export type Way = {
  name: string
  /** At `/mcp`, beside other servers; else at the server's own endpoint. */
  common: boolean
  era: Era
  /** Legacy, after `initialize`. */
  withSession: boolean
}

export const WAYS: Way[] = [true, false].flatMap((common) => {
  const path = common ? '/mcp' : '/mcp/{upstream}'
  return [
    { name: `${path} in a session`, common, era: 'legacy' as const, withSession: true },
    { name: `${path} without a session`, common, era: 'legacy' as const, withSession: false },
    { name: `${path} in the modern era`, common, era: 'modern' as const, withSession: false },
  ]
})

type Filling = {
  mark: string
  taskId: string
  /** Before names at the common endpoint. */
  prefix: string
  /** The server's, at the common endpoint. */
  slug: string | null
}

export type MethodCase = {
  name: string
  method: string
  /** What rules call it. */
  ruledAs: string
  eras: Era[]
  /** A method of the server's own: which one is meant must be said by the endpoint. */
  onlyAtUpstream?: boolean
  params(filling: Filling): Json
  /** Params of which it cannot be told what they ask for. */
  malformed: Json[]
}

const both: Era[] = ['legacy', 'modern']
const prompt = (prefix: string) => ({ type: 'ref/prompt', name: `${prefix}test_prompt_with_arguments` })
const located = (slug: string | null, uri: string) =>
  slug === null ? uri : `mcpshield://${slug}/${encodeURIComponent(uri)}`
const data = (mark: string) => `test://template/${mark}/data`
const NO_URI: Json[] = [{}, { uri: 1 }, { uri: 'file:///a/../b' }]

export const METHODS: MethodCase[] = [
  {
    name: 'tools/call',
    method: 'tools/call',
    ruledAs: 'tools/call',
    eras: both,
    params: ({ mark, prefix }) => ({ name: `${prefix}safe_echo`, arguments: { text: mark } }),
    malformed: [{}, { name: 1 }, { name: 'safe_echo', arguments: 'text' }],
  },
  {
    name: 'prompts/get',
    method: 'prompts/get',
    ruledAs: 'prompts/get',
    eras: both,
    params: ({ mark, prefix }) => ({
      name: `${prefix}test_prompt_with_arguments`,
      arguments: { arg1: mark, arg2: 'b' },
    }),
    malformed: [{}, { name: null }, { name: 'safe_echo', arguments: [] }],
  },
  {
    name: 'resources/read',
    method: 'resources/read',
    ruledAs: 'resources/read',
    eras: both,
    params: ({ mark, slug }) => ({ uri: located(slug, data(mark)) }),
    malformed: NO_URI,
  },
  {
    name: 'resources/subscribe',
    method: 'resources/subscribe',
    ruledAs: 'resources/subscribe',
    eras: ['legacy'],
    params: ({ mark, slug }) => ({ uri: located(slug, data(mark)) }),
    malformed: NO_URI,
  },
  {
    name: 'resources/unsubscribe',
    method: 'resources/unsubscribe',
    ruledAs: 'resources/unsubscribe',
    eras: ['legacy'],
    params: ({ mark, slug }) => ({ uri: located(slug, data(mark)) }),
    malformed: NO_URI,
  },
  {
    name: 'completion/complete of a prompt',
    method: 'completion/complete',
    ruledAs: 'completion/complete',
    eras: both,
    params: ({ mark, prefix }) => ({ ref: prompt(prefix), argument: { name: 'arg1', value: mark } }),
    malformed: [{}, { ref: 'x' }, { ref: { type: 'ref/prompt', uri: 'test://static-text' } }],
  },
  {
    name: 'completion/complete of a resource',
    method: 'completion/complete',
    ruledAs: 'completion/complete',
    eras: both,
    params: ({ mark, slug }) => ({
      ref: { type: 'ref/resource', uri: located(slug, 'test://template/{id}/data') },
      argument: { name: 'id', value: mark },
    }),
    malformed: [{ ref: { type: 'ref/tool', name: 'echo' } }],
  },
  ...['tasks/get', 'tasks/cancel'].map((method) => task(method, both)),
  task('tasks/result', ['legacy']),
  task('tasks/update', ['modern']),
  {
    name: 'subscriptions/listen',
    method: 'subscriptions/listen',
    ruledAs: 'resources/subscribe',
    eras: ['modern'],
    params: ({ mark, slug }) => ({
      notifications: { resourceSubscriptions: [located(slug, data(mark))] },
    }),
    malformed: [],
  },
  {
    name: 'a method of the server’s own',
    method: 'fixture/echo',
    ruledAs: 'fixture/echo',
    eras: both,
    onlyAtUpstream: true,
    params: ({ mark }) => ({ said: mark }),
    malformed: [],
  },
]

function task(method: string, eras: Era[]): MethodCase {
  return {
    name: method,
    method,
    ruledAs: method,
    eras,
    // No revision knows this member: it goes where the request goes.
    params: ({ mark, taskId }) => ({
      taskId,
      mark,
      ...(method === 'tasks/update' ? { inputResponses: {} } : {}),
    }),
    malformed: [{}, { taskId: 1 }, { taskId: 'none' }],
  }
}

/** Handshakes, lists and what is about the conversation itself. */
export const NOT_DECIDED = [
  'initialize',
  'server/discover',
  'ping',
  'logging/setLevel',
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'prompts/list',
]

/** Methods that the other era has, or that would tell of things that are somebody else's. */
export const UNKNOWN_METHODS: Record<Era, string[]> = {
  legacy: ['tasks/list', 'server/discover', 'subscriptions/listen'],
  modern: [
    'tasks/list',
    'tasks/result',
    'resources/subscribe',
    'resources/unsubscribe',
    'logging/setLevel',
    'ping',
  ],
}

export const COVERED = new Set([
  ...METHODS.map(({ method }) => method),
  ...NOT_DECIDED,
  ...Object.values(UNKNOWN_METHODS).flat(),
])

/** Where methods are told apart: one that is new there must have its row here. */
export const IMPLEMENTED_IN = [
  'libs/mcp/src/judged.ts',
  'services/mcp-gateway/src/endpoint.ts',
  'libs/mcp/src/task-methods.ts',
  'libs/mcp/src/lists.ts',
]
