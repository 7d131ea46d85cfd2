// What the model is told: the arguments of tools and what is stored, as much as its context holds, what was asked about first.
import { expect, test } from 'vitest'
import { fences } from '../src/fences.ts'
import { touchable, withResources, type Knowledge, type KnowledgeDeps } from '../src/knowledge.ts'
import type { ModelMessage } from '../src/model.ts'
import { adviceMessages, analysisMessages, policyMessages } from '../src/prompts.ts'
import { outputTokens, shared, tokensOf } from '../src/room.ts'
import { IN_FORCE, knowledgeOf } from './known.ts'

const MARK = '0123456789ab'
const textOf = (messages: readonly ModelMessage[]) => messages.map(({ content }) => content).join('\n')
const asked = (knowledge: Knowledge, request = 'agents may read orders', contextTokens = 8_192) =>
  policyMessages({ request, base: IN_FORCE, said: [], knowledge }, fences(MARK), contextTokens)[1]?.content ??
  ''

const toolNamed = (name: string, more = 3): Knowledge['tools'][number] => ({
  name,
  description: `What ${name} does, in a sentence of some length that says so.`,
  input_schema: {
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: more }, (_, i) => [
        `arg_${i}`,
        { type: 'string', description: 'One of its arguments.' },
      ]),
    ),
  },
})
const manyTools = Array.from({ length: 200 }, (_, i) => toolNamed(`server/tool_${i}`))

test('tools of servers and our own come with their arguments', () => {
  const text = asked(
    knowledgeOf(IN_FORCE, {
      ownTools: [
        {
          name: 'mongodb.count',
          description: 'Count.',
          input_schema: {
            type: 'object',
            properties: { collection: { type: 'string' } },
            required: ['collection'],
          },
        },
      ],
    }),
  )
  expect(text).toContain('github/create_issue: Create an issue.\n  title: string\n')
  expect(text).toContain('mongodb.count: Count.\n  collection: string, required\n')
})

test('of many tools those that the request names or resembles come with arguments, others by name, and the rest is counted', () => {
  const tools = [...manyTools, toolNamed('jira/createTicket'), toolNamed('zed/fetch')]
  const text = asked(
    knowledgeOf(IN_FORCE, { tools, tools_left_out: 4 }),
    'agents may create tickets, and use zed/fetch',
  )
  const lines = text.split('\n')
  expect(lines.indexOf(`TOOLS ${MARK}>>>`)).toBeGreaterThan(0)
  const first = lines.slice(lines.indexOf(`<<<TOOLS ${MARK}`) + 1)
  expect(first[0]).toMatch(/^zed\/fetch: /)
  expect(first[1]).toMatch(/^ {2}arg_0: string: /)
  expect(first[4]).toMatch(/^jira\/createTicket: /)
  expect(first[5]).toMatch(/^ {2}arg_0: string: /)
  const byName = lines.filter((each) => /^server\/tool_\d+$/.test(each)).length
  const whole = lines.filter((each) => /^server\/tool_\d+: /.test(each)).length
  const [, named, unnamed] =
    /\((\d+) of these by name alone; (\d+) more are not shown for want of room; 4 are left out: /.exec(
      text,
    ) ?? []
  expect(byName).toBe(Number(named))
  expect(whole + byName + Number(unnamed)).toBe(200)
  expect(Math.min(byName, whole)).toBeGreaterThan(3)
})

test('a description cannot put its tool before those that are asked for', () => {
  const loud = { ...toolNamed('aaa/other'), description: 'orders tickets create jira issue '.repeat(5) }
  const text = asked(
    knowledgeOf(IN_FORCE, { tools: [loud, toolNamed('jira/create_ticket')] }),
    'create a ticket',
  )
  expect(text.indexOf('jira/create_ticket')).toBeLessThan(text.indexOf('aaa/other'))
})

test('the same is told each time', () => {
  const knowledge = knowledgeOf(IN_FORCE, { tools: manyTools })
  expect(asked(knowledge)).toBe(asked(knowledge))
})

test('what was said in the conversation counts for what comes first', () => {
  const said = [{ role: 'user' as const, text: 'about jira', policy: null }]
  const knowledge = knowledgeOf(IN_FORCE, { tools: [...manyTools, toolNamed('jira/search')] })
  const [, message] = policyMessages(
    { request: 'ten calls at most', base: IN_FORCE, said, knowledge },
    fences(MARK),
    8_192,
  )
  expect(message?.content).toContain(`<<<TOOLS ${MARK}\njira/search: `)
})

test('collections, keys and folders are told as what they are, and what is not known is said', () => {
  const text = asked(
    knowledgeOf(IN_FORCE, {
      resources: [
        { connection: 'docs', kind: 'mongodb', name: 'people', fields: ['name', 'email'] },
        { connection: 'cache', kind: 'redis', name: 'session:*', fields: [] },
        { connection: 'home', kind: 'files', name: '/srv/data/reports', fields: [] },
      ],
      notes: ['What shop (postgresql) stores is not known: It did not answer in time.'],
    }),
  )
  expect(text).toContain(
    `<<<STORED ${MARK}\nWhat shop (postgresql) stores is not known: It did not answer in time.\n` +
      `collection people on docs: name, email\nkeys session:* on cache\nfolder /srv/data/reports on home\nSTORED ${MARK}>>>`,
  )
})

const long = (units: number, letter = 'x') => `${letter.repeat(9)} `.repeat(units / 10)
const huge = (letter = 'x'): Knowledge =>
  knowledgeOf(IN_FORCE, {
    tools: Array.from({ length: 300 }, (_, i) => ({
      ...toolNamed(`s/${letter.repeat(40)}${i}`, 20),
      description: long(4_000, letter),
    })),
    resources: Array.from({ length: 800 }, (_, i) => ({
      ...{ connection: 'shop', kind: 'postgresql', name: `${letter.repeat(50)}.${i}` },
      fields: Array.from({ length: 60 }, () => letter.repeat(50)),
    })),
    notes: Array.from({ length: 50 }, () => long(400, letter)),
    keys: [{ name: 'k', labels: Array.from({ length: 50 }, (_, i) => `${letter.repeat(80)}${i}`) }],
  })

test.for([
  [4_096, 'x'],
  [8_192, 'x'],
  [8_192, '語'],
  [32_768, 'x'],
] as const)(
  'a context of %i tokens holds all that is asked and its answer, whatever there is to tell (%s)',
  ([tokens, letter]) => {
    const knowledge = huge(letter)
    const [request, base] = [long(4_000, letter), long(40_000, letter)]
    const said = Array.from({ length: 8 }, () => ({
      role: 'user' as const,
      text: long(4_000, letter),
      policy: null,
    }))
    const failed = {
      answer: long(9_000, letter),
      problems: Array.from({ length: 8 }, () => long(900, letter)),
    }
    const findings = Array.from({ length: 50 }, () => long(200, letter))
    const subject = { kind: 'policy' as const, text: base, findings }
    const prompt = { request, base, said, knowledge }
    for (const messages of [
      policyMessages(prompt, fences(), tokens),
      policyMessages(prompt, fences(), tokens, failed),
      analysisMessages(subject, knowledge, fences(), tokens),
      adviceMessages({ question: request, checklist: findings }, knowledge, fences(), tokens),
    ])
      expect(tokensOf(textOf(messages)) + outputTokens(tokens)).toBeLessThanOrEqual(tokens)
  },
)

test('what one part does not need the others get, and nobody more than that', () => {
  const given = shared(100, {
    a: { tokens: 5, weight: 50 },
    b: { tokens: 500, weight: 30 },
    c: { tokens: 500, weight: 20 },
  })
  expect(given).toEqual({ a: 5, b: 57, c: 38 })
  expect(shared(100, { a: { tokens: 5, weight: 1 } })).toEqual({ a: 5 })
  expect(shared(100, {})).toEqual({})
})

const answering: KnowledgeDeps['describeConnection'] = async ({ name }) => {
  if (name === 'late') throw new Error('no answer')
  const note = name === 'away' ? 'The Redis behind the connection away cannot be reached.' : null
  return {
    tools: [{ name: 'postgres.query', description: '', input_schema: {} }],
    resources: note === null ? [{ name: 'session:*', fields: [] }] : [],
    truncated: name === 'large',
    note,
  }
}

test('what a connection that is away, late or large stores is said to be unknown, and the others are told', async () => {
  const connections = ['cache', 'late', 'away', 'large'].map((name) => ({ name, kind: 'redis' as const }))
  const before = knowledgeOf(IN_FORCE, { systems: { connections, upstreams: [] }, resources: [] })
  const deps = {
    describeConnection: answering,
    describeProject: () => Promise.reject(new Error('not asked')),
  }
  const known = await withResources(deps, 'p', before, {
    caller: { kind: 'anonymous' },
    requestId: 'r',
  } as never)
  expect(known.resources.map(({ connection }) => connection)).toEqual(['cache', 'large'])
  expect(known.ownTools).toHaveLength(1)
  expect(known.notes).toEqual([
    'What late (redis) stores is not known: It did not answer in time.',
    'What away (redis) stores is not known: The Redis behind the connection away cannot be reached.',
    'large (redis) stores more than is told here.',
  ])
})

test('a pattern of keys is tried by a key of it, and folders are no data', () => {
  const resources = [
    { connection: 'cache', kind: 'redis', name: 'user:*:cart', fields: [] },
    { connection: 'home', kind: 'files', name: '/srv', fields: [] },
    { connection: 'docs', kind: 'mongodb', name: 'people', fields: [] },
  ]
  expect(touchable({ resources }).map(({ name }) => name)).toEqual(['user:example:cart', 'people'])
})
