// The service through its contract, two instances of it on real stores, with a real server that plays the model.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { ai, type AiEvent } from '@mcpshield/contracts/ai'
import { flow } from '@mcpshield/contracts/flow'
import { prepareParsers } from './known.ts'
import { breaksOff, hangs, neverEnds, refuses, says, waits } from '@mcpshield/testkit/ollama-server'
import { framesIn, readAll, startWorld, textOf, type Read, type User, type World } from './world.ts'

const ORDERS = {
  reply: 'I propose to allow reads of public.orders.',
  rules: [
    {
      id: 'read-orders',
      tool: 'postgres.query',
      decision: 'allow',
      conditions: { operations: ['read'], resources: ['public.orders'] },
    },
  ],
  tests: [],
}
const { draftPolicy, analyze, advise, getAiUsage, listConversations, getConversation, deleteConversation } =
  ai.rpc

let world: World
let user: User
beforeAll(async () => {
  await prepareParsers()
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())
beforeEach(async () => {
  user = await world.owner()
  world.ollama.models = ['phi3:mini']
  world.ollama.behave(says(ORDERS))
  // The standing of a model holds for some seconds: it is ready here whatever a test before did to it.
  await vi.waitFor(async () => expect(await usage(user)).toMatchObject({ model: { state: 'ready' } }), {
    timeout: 15_000,
    interval: 200,
  })
})

const usage = (of: User) => of.call(getAiUsage, {})
const draft = (of: User, prompt = 'agents may read orders', more: object = {}) =>
  readAll(of, draftPolicy, { prompt, ...more })
const typesOf = ({ events }: Read) => events.map(({ type }) => type)
const find = <T extends AiEvent['type']>({ events }: Pick<Read, 'events'>, type: T) =>
  events.find((each): each is Extract<AiEvent, { type: T }> => each.type === type)

describe('a draft', () => {
  test('comes as events in their order, and counts once', async () => {
    const read = await draft(user)
    expect(typesOf(read).filter((each, i, all) => each !== all[i - 1])).toEqual([
      'conversation',
      'step',
      'text',
      'draft',
      'usage',
      'done',
    ])
    expect(find(read, 'conversation')).toMatchObject({ source: 'model', model: 'phi3:mini', notice: null })
    expect(find(read, 'draft')?.draft).toMatchObject({ valid: true, source: 'model', attempts: 1 })
    expect(find(read, 'usage')).toMatchObject({ counted: true, used: 1, limit: 30, input_tokens: 321 })
    expect(find(read, 'done')).toEqual({ type: 'done', outcome: 'completed' })
    expect(await usage(user)).toMatchObject({ used: 1, limit: 30, input_tokens: 321, output_tokens: 45 })
  })

  test('knows the arguments of tools and the tables of what is connected', async () => {
    await draft(user)
    const told = world.ollama.asked.at(-1)?.messages[1]?.content
    expect(told).toContain('hr.salaries on shop: id, salary')
    expect(told).toContain('shop (postgresql) stores more than is told here.')
    expect(told).toContain('postgres.query: Run one SQL statement.\n  sql: string, required')
    expect(told).toContain('github/create_issue: Create an issue.\n  title: string')
  })

  test('is asked for in the name of the person, and nothing that the service may call changes anything', async () => {
    world.asked.splice(0)
    await draft(user)
    expect(world.asked.length).toBeGreaterThan(1)
    for (const { caller } of world.asked) expect(caller).toEqual(user.caller)
    expect(flow.ai.calls.map(({ subject }) => subject)).toEqual([
      'rpc.projects.describeProject',
      'rpc.projects.validatePolicy',
      'rpc.mcp-gateway.describeConnection',
    ])
    expect([...flow.ai.writes, ...flow.ai.emits, ...flow.ai.enqueues]).toEqual([])
  })

  test('of a project of others is NOT_FOUND, and counts nothing', async () => {
    const other = await world.owner()
    const asking = user.call(draftPolicy, { project_id: other.projectId, prompt: 'read orders' })
    await expect(asking).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await usage(user)).toMatchObject({ used: 0 })
  })

  test('is not for who may not change policies; analysing is for who may read', async () => {
    const viewer = user.as('viewer')
    await expect(draft(viewer)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(find(await readAll(viewer, analyze, {}), 'done')).toMatchObject({ outcome: 'completed' })
    await expect(draft(user.as('editor'))).resolves.toBeDefined()
  })

  test('is what the plan’s uses are for: who may only look uses up none, and gets what code finds', async () => {
    const viewer = user.as('viewer')
    const before = world.ollama.asked.length
    for (const read of [
      await readAll(viewer, analyze, { policy_yaml: 'version: 1\ndefault: allow\n' }),
      await readAll(viewer, advise, { question: 'How do I protect PostgreSQL?' }),
    ]) {
      expect(find(read, 'conversation')).toMatchObject({
        ...{ source: 'template', model: null },
        notice: expect.stringContaining('may not change policies') as string,
      })
      expect(find(read, 'usage')).toMatchObject({ counted: false, used: 0 })
      expect(find(read, 'done')).toMatchObject({ outcome: 'completed' })
      expect(textOf(read)).toMatch(/^No language model was used/)
    }
    expect(world.ollama.asked).toHaveLength(before)
    expect((await usage(viewer)).model).toMatchObject({
      ...{ state: 'ready', template: true },
      detail: expect.stringContaining('may not change policies') as string,
    })
    expect((await usage(user.as('editor'))).model).toMatchObject({ template: false, detail: null })
    await readAll(user.as('editor'), advise, { question: 'How do I protect PostgreSQL?' })
    expect(await usage(user)).toMatchObject({ used: 1 })
  })

  test('leaves an administrative record with what it took, and not what was said', async () => {
    await draft(user, 'agents may read the orders of mister Quibble')
    const mine = () => world.audits.filter(({ org_id }) => org_id === user.orgId)
    await expect.poll(mine).toHaveLength(1)
    expect(mine()[0]).toMatchObject({
      ...{ kind: 'admin', method: 'draftPolicy', tool: 'ai.draftPolicy', project_id: user.projectId },
      user_id: user.caller.user_id,
      arguments: {
        source: 'model',
        model: 'phi3:mini',
        outcome: 'completed',
        given_back: false,
        input_tokens: 321,
      },
    })
    expect(JSON.stringify(mine())).not.toContain('Quibble')
  })
})

describe('an answer that is read in pieces', () => {
  test('is told by either instance, and its cursor is good for nobody else', async () => {
    world.ollama.behave(waits(300, says(ORDERS)))
    const first = await user.call(draftPolicy, { project_id: user.projectId, prompt: 'read orders' })
    expect(framesIn(first.chunk)[0]?.event.type).toBe('conversation')
    const cursor = first.next_cursor ?? ''
    const input = { project_id: user.projectId, prompt: 'x', cursor }
    for (const stranger of [await world.owner(), world.colleague(user)]) {
      await expect(stranger.call(draftPolicy, input)).rejects.toMatchObject({ code: 'EXPIRED' })
    }
    expect(find(await readAll(user, draftPolicy, { prompt: 'x', cursor }), 'done')).toBeDefined()
  })

  test('goes on after the last event that was read, and does not begin anew', async () => {
    const read = await draft(user)
    const again = await readAll(user, draftPolicy, { prompt: 'x', cursor: read.ids[1] ?? '' })
    expect(again.events).toEqual(read.events.slice(2))
    expect(await usage(user)).toMatchObject({ used: 1 })
  })

  test('says that it waits while there is nothing, and its cursor gets on', async () => {
    world.ollama.behave(waits(5_500, says(ORDERS)))
    const first = await user.call(draftPolicy, { project_id: user.projectId, prompt: 'read orders' })
    let cursor = first.next_cursor ?? ''
    const seen = new Set<string>()
    let comments = 0
    for (;;) {
      const piece = await user.call(draftPolicy, { project_id: user.projectId, prompt: 'x', cursor })
      if (piece.chunk.startsWith(':')) comments++
      if (piece.next_cursor === null) break
      expect(seen.has(piece.next_cursor)).toBe(false)
      seen.add((cursor = piece.next_cursor))
    }
    expect(comments).toBeGreaterThan(0)
  })

  test.for([
    ['x'],
    [`${randomUUID()}`],
    [`${randomUUID()}.0-0.99999999999`],
    ['../../etc.0-0'],
    [`${randomUUID()}.a-b`],
  ])('a cursor that is none of ours is refused: %s', async ([cursor = '']) => {
    const asking = user.call(draftPolicy, { project_id: user.projectId, prompt: 'x', cursor })
    await expect(asking).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('the plan', () => {
  test('includes as many as it says, and no more, however many ask at once', async () => {
    const free = await world.owner('free')
    const all = await Promise.allSettled(Array.from({ length: 12 }, () => draft(free)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    for (const each of all)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    expect(await usage(free)).toMatchObject({ used: 3, limit: 3 })
  })

  test('counts all three jobs', async () => {
    await draft(user)
    world.ollama.behave(says('Plain words.'))
    await readAll(user, analyze, {})
    await readAll(user, advise, { question: 'How do I protect PostgreSQL?' })
    expect(await usage(user)).toMatchObject({ used: 3 })
  })

  test('does not count what the templates answer, used up or not', async () => {
    const free = await world.owner('free')
    for (let i = 0; i < 5; i++) await draft(free, 'deny all writes', { source: 'template' })
    expect(await usage(free)).toMatchObject({ used: 0 })
    for (let i = 0; i < 3; i++) await draft(free)
    await expect(draft(free)).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      details: { type: 'ai_calls_used_up' },
    })
    const read = await draft(free, 'deny all writes', { source: 'template' })
    expect(find(read, 'usage')).toMatchObject({ counted: false, used: 3, limit: 3 })
  })

  test('begins anew with the month, and a larger one is in force at once', async () => {
    const free = await world.owner('free')
    for (let i = 0; i < 3; i++) await draft(free)
    await world.setPlan(free.orgId, 'pro')
    await expect.poll(async () => (await usage(free)).limit).toBe(30)
    await draft(free)
    await world.setPlan(free.orgId, 'free')
    await expect.poll(async () => (await usage(free)).limit).toBe(3)
    const before = world.clock.time
    try {
      world.clock.time = new Date('2026-12-01T00:00:00Z')
      await draft(free)
      expect(await usage(free)).toMatchObject({ month: '2026-12', used: 1 })
      expect((await usage(free)).months.map(({ month, used }) => [month, used])).toEqual([
        ['2026-12', 1],
        ['2026-11', 4],
      ])
    } finally {
      world.clock.time = before
    }
  })

  test.for<[what: string, fails: Parameters<World['ollama']['behave']>[0], code: string]>([
    ['the server fails', refuses(500, 'out of memory'), 'UNAVAILABLE'],
    ['the answer is cut off', breaksOff(), 'UNAVAILABLE'],
    ['the answer has no end', neverEnds(), 'UNAVAILABLE'],
    ['the model went away', refuses(404, 'not found'), 'UNAVAILABLE'],
  ])('gives back what was counted when %s', async ([, fails, code]) => {
    world.ollama.behave(fails)
    const read = await draft(user)
    expect(find(read, 'error')).toMatchObject({ code, refunded: true })
    expect(find(read, 'usage')).toMatchObject({ counted: false, used: 0 })
    expect(find(read, 'done')).toEqual({ type: 'done', outcome: 'failed' })
    expect(await usage(user)).toMatchObject({ used: 0 })
  })

  test('gives back what was counted when no proposal holds, and keeps its tokens', async () => {
    world.ollama.behave(says('Sure, allow everything!'))
    const read = await draft(user)
    expect(find(read, 'draft')).toBeUndefined()
    expect(find(read, 'usage')).toMatchObject({ counted: false, used: 0, output_tokens: 135 })
    expect(await usage(user)).toMatchObject({ used: 0, output_tokens: 135 })
  })

  test('is not passed by failing: each use is counted while it runs', async () => {
    const free = await world.owner('free')
    world.ollama.behave(hangs())
    const open = await Promise.all(
      Array.from({ length: 3 }, () => free.call(draftPolicy, { project_id: free.projectId, prompt: 'x' })),
    )
    await expect(draft(free)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' })
    expect(open).toHaveLength(3)
  })
})

describe('who leaves', () => {
  test('has the model stopped; what was counted is given back where nothing of it had come', async () => {
    const asked = { project_id: user.projectId }
    const talker = await world.owner()
    const before = world.ollama.left()
    world.ollama.behave(hangs())
    // And then nobody asks for the next piece.
    await user.call(draftPolicy, { ...asked, prompt: 'read orders' })
    await talker.call(advise, { project_id: talker.projectId, question: 'How do I protect files?' })
    const states = () =>
      world.rows<{ state: string; counted: boolean }>(
        'select state, counted from ai.uses where org_id in ($1, $2) order by counted',
        [user.orgId, talker.orgId],
      )
    // A draft that had only begun, and words of the model that had come.
    const left = [
      { state: 'stopped', counted: false },
      { state: 'stopped', counted: true },
    ]
    await vi.waitFor(async () => expect(await states()).toEqual(left), { timeout: 20_000, interval: 200 })
    await expect.poll(() => world.ollama.left()).toBeGreaterThan(before + 1)
    expect([(await usage(user)).used, (await usage(talker)).used]).toEqual([0, 1])
  })
})

test('an instance that stops ends what it was at, and gives it back', async () => {
  await using alone = await startWorld({ instances: 0 })
  const stopping = await alone.startInstance()
  const person = await alone.owner()
  alone.ollama.behave(hangs())
  const reads: Promise<Read>[] = []
  for (let i = 1; i <= 3; i++) {
    reads.push(draft(person))
    await expect.poll(() => alone.ollama.asked.length).toBe(i)
  }
  // People read on at another one.
  await using _another = await alone.startInstance()
  await stopping[Symbol.asyncDispose]()
  // Told by the one that stopped: sooner than a reader takes a silent writer for gone.
  const soon = new Promise<never>((_, no) => setTimeout(no, 5_000, new Error('nothing was told')).unref())
  for (const each of await Promise.race([Promise.all(reads), soon]))
    expect(find(each, 'error')).toMatchObject({ code: 'UNAVAILABLE', refunded: true })
  const rows = await alone.rows<{ counted: boolean }>(`select counted from ai.uses where state = 'failed'`)
  expect(rows).toEqual([{ counted: false }, { counted: false }, { counted: false }])
})

describe('conversations', () => {
  test('remember what was said: the next draft begins from the last one', async () => {
    const first = await draft(user, 'agents may read orders')
    const conversation_id = find(first, 'conversation')?.conversation_id ?? ''
    world.ollama.behave(
      says({
        ...ORDERS,
        rules: [{ ...ORDERS.rules[0], limits: { max_rows: 10 } }],
        reply: 'Ten rows at most.',
      }),
    )
    const second = await draft(user, 'ten rows at most', { conversation_id })
    expect(find(second, 'draft')?.draft.diff).toMatchObject({ removed_lines: 0 })
    expect(world.ollama.asked.at(-1)?.messages[1]?.content).toContain('user: agents may read orders')
    const kept = await user.call(getConversation, { conversation_id })
    expect(kept.items.map(({ role, text }) => [role, text])).toEqual([
      ['user', 'agents may read orders'],
      ['assistant', 'I propose to allow reads of public.orders.'],
      ['user', 'ten rows at most'],
      ['assistant', 'Ten rows at most.'],
    ])
    expect(kept.items[3]?.policy).toContain('max_rows: 10')
  })

  test('are the person’s own: a colleague and a stranger find none', async () => {
    const read = await draft(user)
    const conversation_id = find(read, 'conversation')?.conversation_id ?? ''
    for (const other of [world.colleague(user), await world.owner()]) {
      await expect(other.call(getConversation, { conversation_id })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
      await expect(other.call(deleteConversation, { conversation_id })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
      const going = other.call(draftPolicy, { project_id: other.projectId, prompt: 'x', conversation_id })
      await expect(going).rejects.toMatchObject({ code: 'NOT_FOUND' })
      expect((await other.call(listConversations, { project_id: user.projectId })).items).toEqual([])
    }
    await user.call(deleteConversation, { conversation_id })
    expect((await user.call(listConversations, { project_id: user.projectId })).items).toEqual([])
  })

  test('are listed newest first, in pages that lead back', async () => {
    for (const prompt of ['one', 'two', 'three'])
      await draft(user, `deny the table ${prompt}`, { source: 'template' })
    const list = (more: object) =>
      user.call(listConversations, { project_id: user.projectId, limit: 2, ...more })
    const first = await list({})
    expect(first.items.map(({ title }) => title)).toEqual(['deny the table three', 'deny the table two'])
    const second = await list({ cursor: first.next_cursor ?? '' })
    expect(second.items.map(({ title }) => title)).toEqual(['deny the table one'])
    expect((await list({ cursor: second.prev_cursor ?? '' })).items).toEqual(first.items)
  })

  test('keep no more than sixty messages', async () => {
    const first = await draft(user, 'deny the table a', { source: 'template' })
    const conversation_id = find(first, 'conversation')?.conversation_id ?? ''
    await world.rows(
      `insert into ai.messages (org_id, conversation_id, role, text, created_at)
       select $1, $2, 'user', 'old ' || i, now() from generate_series(1, 58) as i`,
      [user.orgId, conversation_id],
    )
    await draft(user, 'deny the table b', { source: 'template', conversation_id })
    const { items } = await user.call(getConversation, { conversation_id })
    expect(items).toHaveLength(60)
    expect([items[0]?.text, items.at(-2)?.text]).toEqual(['old 1', 'deny the table b'])
  })

  test('go with the person, the project and the organisation; counts stay without names until the last', async () => {
    const count = async () =>
      (
        await world.rows<{ n: string }>('select count(*) as n from ai.conversations where org_id = $1', [
          user.orgId,
        ])
      )[0]?.n
    await draft(user)
    await world.tell.projectDeleted(user)
    await expect.poll(count).toBe('0')
    await draft(user)
    await world.tell.userDeleted(user.caller.user_id)
    await expect.poll(count).toBe('0')
    const uses = () =>
      world.rows<{ user_id: string | null }>('select user_id, project_id from ai.uses where org_id = $1', [
        user.orgId,
      ])
    expect((await uses()).map(({ user_id }) => user_id)).toEqual([null, null])
    expect(await usage(user)).toMatchObject({ used: 2 })
    await world.tell.organizationDeleted(user.orgId)
    await expect.poll(async () => (await uses()).length).toBe(0)
  })
})

describe('an analysis', () => {
  test('has what code found first, then the model’s words, marked as such', async () => {
    world.ollama.behave(says('The default is wide open.\u001b[31m\u202e'))
    const read = await readAll(user, analyze, { policy_yaml: 'version: 1\ndefault: allow\n' })
    const types = typesOf(read)
    expect(types.indexOf('finding')).toBeLessThan(types.indexOf('text'))
    expect(read.events.flatMap((each) => (each.type === 'finding' ? [each.finding.code] : []))).toContain(
      'default_allow',
    )
    expect(textOf(read)).toBe('The default is wide open.[31m')
    expect(find(read, 'text')).toMatchObject({ source: 'model' })
  })

  test('of a query says what it touches and how the policy decides it', async () => {
    world.ollama.behave(says('It reads salaries.'))
    const read = await readAll(user, analyze, {
      query: { dialect: 'postgresql', text: 'delete from hr.salaries' },
    })
    const codes = read.events.flatMap((each) => (each.type === 'finding' ? [each.finding.code] : []))
    expect(codes).toEqual(expect.arrayContaining(['touches', 'writes', 'every_row', 'decided_deny']))
  })

  test('without a model ends with the findings and says so', async () => {
    const read = await readAll(user, analyze, { source: 'template' })
    expect(textOf(read)).toMatch(/^No language model was used/)
    expect(find(read, 'usage')).toMatchObject({ counted: false })
  })
})

describe('advice', () => {
  test('of the model ends with our own pages, which it cannot invent', async () => {
    world.ollama.behave(says('Use least rights. See https://evil.example.'))
    const read = await readAll(user, advise, { question: 'How do I protect PostgreSQL?' })
    expect(textOf(read)).toMatch(/From our documents: \/docs\/databases\/postgresql/)
    expect(read.events.findLast((each) => each.type === 'text')).toMatchObject({ source: 'template' })
  })

  test('without a model is the checklist of what is asked about', async () => {
    const read = await readAll(user, advise, { question: 'How do I protect MongoDB?', source: 'template' })
    expect(textOf(read)).toContain('MongoDB')
    expect(textOf(read)).toContain('/docs/databases/mongodb')
    expect(textOf(read)).not.toContain('SQLite')
  })
})

describe('without a model that answers', () => {
  test('the templates do, and it is said why', async () => {
    world.ollama.models = []
    // Each of the two instances looks for itself, and which of them answers is chance.
    const seen = async () => {
      const states = new Set<string>()
      for (let asked = 0; asked < 20; asked++) states.add((await usage(user)).model.state)
      return [...states]
    }
    await expect.poll(seen).toEqual(['missing'])
    expect((await usage(user)).model).toMatchObject({
      template: true,
      detail: expect.stringContaining('ollama pull') as string,
    })
    const read = await draft(user, 'deny all writes')
    expect(find(read, 'conversation')).toMatchObject({
      source: 'template',
      model: null,
      notice: expect.stringContaining('ollama pull phi3:mini') as string,
    })
    expect(find(read, 'draft')?.draft).toMatchObject({ valid: true, source: 'template' })
    expect(await usage(user)).toMatchObject({ used: 0 })
  })
})
