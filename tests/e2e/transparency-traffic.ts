// What a client asks of a server, made from what that server lists: every list, every tool, resource, template, prompt and
// completion, what fails, and what only comes in the middle of something.
import { setTimeout as sleep } from 'node:timers/promises'
import { META, type Era } from '@mcpshield/mcp/messages'
import { vi } from 'vitest'
import type { Json } from './mcp-wire.ts'
import type { Taped } from './tape.ts'
import { connectTaped, type ClientKind, type ServerPlace, type TapedClient } from './taped-client.ts'
import { invalidArguments, validArguments } from './valid-arguments.ts'

/** What a server needs besides what its schemas tell. */
export type Manners = {
  /** Arguments that a schema alone does not tell, by tool; a list is so many calls. */
  args?: Record<string, Json | Json[]>
  /** Parts of the names of steps that are answered otherwise each time: compared by shape. */
  byShape?: string[]
  /** Tools that ask the client by requests of the server: only clients of the legacy era can be asked so. */
  legacyOnly?: string[]
  /** Tools that run as tasks, and take their time. */
  onlyAsTask?: string[]
  /** Tools after whose answer something more is to come, where the client can be asked. */
  later?: string[]
  /** Tools that log, called at two levels. */
  logging?: string[]
  /** Resources that are subscribed to, and the call that changes one. */
  watched?: { uri: string; by: Json }
  /** A call that takes its time, reports progress, and is cancelled. */
  slow?: Json
  /** The call that tells what was cancelled. */
  cancelled?: Json
  /** Legacy: a call that runs as a task. */
  task?: Json
  /** Methods of the server's own. */
  methods?: { method: string; params: Json }[]
  /** The server says something of its own accord so long after it was met. */
  speaksAfterMs?: number
}

/** The progress token, and where there are labels the label, of the call that is given up. */
export const GIVEN_UP = 'to-be-cancelled'
/** The id of a task that nobody made. */
export const NO_TASK = 'a task of nobody'

export type Step = {
  name: string
  run(client: TapedClient): Promise<void>
  /** How many of the messages that it causes are no answers and may come later than one. */
  later?: number
}

export type StepTape = { name: string; byShape: boolean; heard: Taped[] }

const LATER = { timeout: 5_000, interval: 10 }
/** What comes after all that was waited for would be one too many. */
const SETTLE_MS = 150

/** Runs the steps that `plan` makes of what the server lists. */
export async function record(
  place: ServerPlace,
  kind: ClientKind,
  plan: Plan,
): Promise<{ steps: StepTape[]; plan: Plan }> {
  const client = await connectTaped(place, kind)
  const tapes: StepTape[] = []
  const { byShape = [] } = plan.manners
  const keep = (name: string) =>
    void tapes.push({ name, byShape: byShape.some((part) => name.includes(part)), heard: client.tape.take() })
  try {
    await sleep(plan.manners.speaksAfterMs ?? 0)
    keep('handshake')
    for (const step of listing(kind.era)) await runStep(client, step, keep)
    const steps = plan.steps ?? stepsFor(kind, plan.manners, tapes)
    for (const step of steps) await runStep(client, step, keep)
    await sleep(SETTLE_MS)
    keep('afterwards')
    return { steps: tapes, plan: { ...plan, steps } }
  } finally {
    await client.close()
  }
}

/** The steps are made from what the first server lists, and kept for the second. */
export type Plan = { manners: Manners; steps?: Step[] }

async function runStep(client: TapedClient, step: Step, keep: (name: string) => void): Promise<void> {
  await step.run(client)
  const { later = 0 } = step
  if (later > 0) {
    const unasked = () => client.tape.heard().filter(({ message }) => message['method'] !== undefined).length
    await vi
      .waitFor(() => {
        if (unasked() < later) throw new Error(`${step.name}: ${unasked()} of ${later} messages came`)
      }, LATER)
      .catch(() => undefined)
  }
  keep(step.name)
}

const LISTS = ['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list']

function listing(era: Era): Step[] {
  return [
    ...(era === 'legacy' ? [ask('ping', {})] : []),
    ...LISTS.map((method) => ask(method, {})),
    ...LISTS.map((method) => ask(method, { cursor: 'no such cursor' })),
  ]
}

const ask = (method: string, params: Json, more: Partial<Step> = {}): Step => ({
  name: `${method} ${JSON.stringify(params).slice(0, 80)}`,
  run: (client) => client.request(method, params),
  ...more,
})

function stepsFor(kind: ClientKind, manners: Manners, tapes: StepTape[]): Step[] {
  const { era } = kind
  const listed = (member: string): Json[] =>
    tapes.flatMap(({ heard }) =>
      heard.flatMap(
        ({ message }) => ((message['result'] as Json | undefined)?.[member] as Json[] | undefined) ?? [],
      ),
    )
  return [
    ...listed('tools').flatMap((tool) => toolSteps(tool, kind, manners)),
    ask('tools/call', { name: 'no_such_tool', arguments: {} }),
    ...listed('resources').map(({ uri }) => ask('resources/read', { uri })),
    ...listed('resourceTemplates').flatMap(templateSteps),
    ask('resources/read', { uri: 'test://no/such/resource' }),
    ...listed('prompts').flatMap(promptSteps),
    ask('prompts/get', { name: 'no_such_prompt' }),
    ask('completion/complete', {
      ref: { type: 'ref/prompt', name: 'no_such_prompt' },
      argument: { name: 'x', value: '' },
    }),
    ask('no/such/method', { x: 1 }),
    ...(manners.methods ?? []).map(({ method, params }) => ask(method, params)),
    ...loggingSteps(era, manners),
    ...watchingSteps(era, manners),
    ...slowSteps(manners),
    ...taskSteps(kind, manners),
  ]
}

function toolSteps(
  tool: Json,
  { era }: ClientKind,
  { args = {}, legacyOnly = [], onlyAsTask = [], later = [] }: Manners,
): Step[] {
  const name = String(tool['name'])
  if (onlyAsTask.includes(name) || (era === 'modern' && legacyOnly.includes(name))) return []
  const schema = (tool['inputSchema'] ?? {}) as Json
  const calls = [args[name] ?? validArguments(schema)].flat()
  const more = later.includes(name) ? { later: 1 } : {}
  const call = (given: Json, token: string) =>
    ask('tools/call', { name, arguments: given, _meta: { progressToken: `${name}-${token}` } }, more)
  return [
    ...calls.map((given, index) => call(given, String(index))),
    ...(Object.keys(schema['properties'] ?? {}).length === 0
      ? []
      : [{ ...call(invalidArguments(schema), 'invalid'), later: 0 }]),
  ]
}

function templateSteps({ uriTemplate }: Json): Step[] {
  const template = String(uriTemplate)
  const variables = [...template.matchAll(/\{([a-z]+)\}/gi)].map(([, name]) => name ?? '')
  const filled = (value: string) => template.replace(/\{[a-z]+\}/gi, value)
  return [
    ask('resources/read', { uri: filled('1') }),
    ask('resources/read', { uri: filled('no%20such') }),
    ...variables.map((name) =>
      ask('completion/complete', {
        ref: { type: 'ref/resource', uri: template },
        argument: { name, value: '1' },
      }),
    ),
  ]
}

function promptSteps(prompt: Json): Step[] {
  const name = String(prompt['name'])
  const names = ((prompt['arguments'] ?? []) as Json[]).map((each) => String(each['name']))
  return [
    ask('prompts/get', { name, arguments: Object.fromEntries(names.map((each) => [each, '1'])) }),
    ...(names.length === 0 ? [] : [ask('prompts/get', { name })]),
    ...names.map((each) =>
      ask('completion/complete', { ref: { type: 'ref/prompt', name }, argument: { name: each, value: 'p' } }),
    ),
  ]
}

function loggingSteps(era: Era, { logging = [] }: Manners): Step[] {
  const call = (name: string, more: Json = {}) => ask('tools/call', { name, arguments: {}, ...more })
  if (era === 'modern')
    return logging.flatMap((name) =>
      ['debug', 'error'].map((level) => call(name, { _meta: { [META.logLevel]: level } })),
    )
  return [
    ...['debug', 'error'].flatMap((level) => [
      ask('logging/setLevel', { level }),
      ...logging.map((name) => call(name)),
    ]),
    ask('logging/setLevel', { level: 'loud' }),
  ]
}

function watchingSteps(era: Era, { watched }: Manners): Step[] {
  if (watched === undefined) return []
  const { uri, by } = watched
  const change = (later: number) => ask('tools/call', by, { later })
  if (era === 'modern')
    return [
      {
        name: 'listen',
        run: (client) => client.listen({ toolsListChanged: true, resourceSubscriptions: [uri] }),
        later: 1,
      },
      change(1),
    ]
  return [ask('resources/subscribe', { uri }), change(1), ask('resources/unsubscribe', { uri }), change(0)]
}

/** It is given up once it has reported; the server is asked until it knows. */
function slowSteps({ slow, cancelled }: Manners): Step[] {
  if (slow === undefined) return []
  return [
    {
      name: 'a call that is cancelled',
      async run(client) {
        const cancel = new AbortController()
        const _meta = { progressToken: GIVEN_UP }
        const call = client.request('tools/call', { ...slow, _meta }, { signal: cancel.signal })
        await vi.waitFor(() => {
          if (!JSON.stringify(client.tape.heard()).includes(GIVEN_UP)) throw new Error('nothing was reported')
        }, LATER)
        cancel.abort()
        await call
      },
    },
    ...(cancelled === undefined
      ? []
      : [untilIt('tells what was cancelled', 'tools/call', cancelled, GIVEN_UP)]),
  ]
}

/** Asks again until the answer has the text; only the last answer is kept. */
function untilIt(name: string, method: string, params: Json, text: string): Step {
  return {
    name,
    async run(client) {
      await vi.waitFor(async () => {
        client.tape.take()
        await client.request(method, params)
        const contents = client.tape
          .heard()
          .map(({ message }) => (message['result'] as Json | undefined)?.['content'])
        if (!JSON.stringify(contents).includes(text)) throw new Error(`${name}: not yet`)
      }, LATER)
    },
  }
}

/** Made, then asked for until it is done, its result fetched. */
function taskSteps({ era, capabilities }: ClientKind, { task }: Manners): Step[] {
  if (task === undefined) return []
  // A task takes its time, and does not depend on what its client can answer.
  if (capabilities === 'empty') return [ask('tasks/get', { taskId: NO_TASK })]
  let taskId: unknown
  const made = (client: TapedClient) => {
    const results = client.tape.heard().map(({ message }) => message['result'] as Json | undefined)
    const result = results.findLast((each) => each !== undefined)
    taskId = (result?.['task'] as Json | undefined)?.['taskId'] ?? result?.['taskId']
  }
  return [
    {
      name: 'a call as a task',
      async run(client) {
        await client.request('tools/call', {
          ...task,
          ...(era === 'legacy' ? { task: { ttl: 60_000 } } : {}),
        })
        made(client)
      },
    },
    {
      name: 'the task when it is done',
      async run(client) {
        await vi
          .waitFor(
            async () => {
              client.tape.take()
              await client.request('tasks/get', { taskId })
              const states = client.tape
                .heard()
                .map(({ message }) => (message['result'] as Json | undefined)?.['status'])
              if (!states.includes('completed')) throw new Error('the task is not done')
            },
            { ...LATER, timeout: 10_000 },
          )
          .catch(() => undefined)
      },
    },
    ...(era === 'legacy'
      ? [
          {
            name: 'the task’s result',
            run: (client: TapedClient) => client.request('tasks/result', { taskId }),
          },
        ]
      : []),
    { name: 'the end of a task that is done', run: (client) => client.request('tasks/cancel', { taskId }) },
  ]
}
