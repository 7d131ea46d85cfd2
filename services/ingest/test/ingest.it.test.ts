import { headers as natsHeaders } from 'nats'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { createLog } from '@mcpshield/runtime/log'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { Input } from '@mcpshield/contracts/define'
import { ingest } from '@mcpshield/contracts/ingest'
import { startTestBus, silent } from '@mcpshield/testkit/bus'
import { freshClickhouse, freshRedis } from '@mcpshield/testkit/fresh'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectClickhouse, isRefusal, type ClickHouse } from '../src/clickhouse.ts'
import { start } from '../src/start.ts'
import { applyTables } from '../src/tables.ts'
import { encode, makeEvent, ORG, OTHER_ORG, outcomeOf, PROJECT, subjectOf } from './events.ts'
import { eventually, listAudits, newestFirst, personOf, shownOf, walk, type ListInput } from './stack.ts'

type CountInput = Input<typeof ingest.rpc.countAudits>

const log = createLog('ingest', { level: 'fatal' })
const stack = new AsyncDisposableStack()
let store: ClickHouse
let bus: Awaited<ReturnType<typeof startTestBus>>
let gateway: Awaited<ReturnType<typeof connectGateway>>
let publisher: Awaited<ReturnType<typeof connectPublisher>>

const connectGateway = () => bus.connect('rest-gateway')
const connectPublisher = () => bus.connect('mcp-gateway')

beforeAll(async () => {
  bus = stack.use(await startTestBus(silent))
  const { url } = stack.use(await freshClickhouse())
  store = stack.use(connectClickhouse(url))
  await applyTables(store)
  const redis = stack.use(await freshRedis())
  const config = {
    NATS_URL: bus.url,
    NATS_CREDS: bus.creds('ingest'),
    CLICKHOUSE_URL: url,
    REDIS_URL: redis.url,
  }
  stack.use(await start(config, log))
  gateway = stack.use(await connectGateway())
  publisher = stack.use(await connectPublisher())
})
afterAll(() => stack.disposeAsync())

const record = (events: AuditEvent[]) => Promise.all(events.map((event) => publisher.audit.record(event)))

/** Rows stay as they were stored until this is disposed. */
async function withoutMerges(): Promise<AsyncDisposable> {
  const merges = (verb: 'STOP' | 'START') =>
    store.command(`SYSTEM ${verb} MERGES ${store.database}.audit_records`)
  await merges('STOP')
  return { [Symbol.asyncDispose]: () => merges('START') }
}

/** An organisation of its own for each test, so that none sees another's events. */
const newOrg = () => crypto.randomUUID()

async function shown(org: string, count: number, input: ListInput = {}) {
  const page = await eventually(
    () => listAudits(gateway, { limit: 200, ...input }, org),
    ({ items }) => items.length >= count,
    10_000,
  )
  return page.items
}

test('making the tables twice changes nothing', async () => {
  expect(await applyTables(store)).toEqual([])
})

describe('the record', () => {
  test('has every field of the decision as it was sent, and what came of it', async () => {
    const org_id = newOrg()
    const decision = makeEvent({
      org_id,
      arguments: { sql: 'SELECT "a" FROM t', deep: [{ n: 1.5, nothing: null }], '\ud800': '\u0000' },
      reason: 'tabs\tand\nlines, „Größe“ 🚀 \\ \'"',
      policy_version: Number.MAX_SAFE_INTEGER,
    })
    const outcome = outcomeOf(decision, { duration_ms: 0.125, bytes: 2 ** 40 })
    const admin = makeEvent({
      org_id,
      kind: 'admin',
      project_id: null,
      time: '2026-03-01T11:00:00.000Z',
      arguments: null,
      arguments_digest: null,
      facts: null,
      policy_version: null,
      policy_hash: null,
      agent: null,
      key_id: null,
      user_id: ORG,
      request_id: null,
    })
    await record([outcome, decision, admin])
    await eventually(
      () => shown(org_id, 2),
      (items) => items.some((item) => item.outcome !== null),
      5_000,
    )
    const withoutPhase = ({ phase: _, ...rest }: AuditEvent) => rest
    expect(await shown(org_id, 2)).toEqual([
      withoutPhase({ ...outcome, arguments: decision.arguments, facts: decision.facts }),
      withoutPhase(admin),
    ])
    const one = await gateway.call(ingest.rpc.getAudit, { id: decision.id }, personOf(org_id))
    expect(one).toMatchObject({ id: decision.id, outcome: 'ok', facts: decision.facts })
  })

  test('does not show an outcome alone, and shows it once its decision is there', async () => {
    const org_id = newOrg()
    const [late, other] = [makeEvent({ org_id }), makeEvent({ org_id })]
    await record([outcomeOf(late), other])
    expect((await shown(org_id, 1)).map(({ id }) => id)).toEqual([other.id])
    await record([late])
    const items = await shown(org_id, 2)
    expect(items.find(({ id }) => id === late.id)).toMatchObject({ outcome: 'ok' })
  })

  test('shows a message that is sent twice, under another message id, once', async () => {
    await using _merges = await withoutMerges()
    const org_id = newOrg()
    const events = Array.from({ length: 20 }, () => makeEvent({ org_id }))
    const raw = jetstream(publisher.connection)
    const send = (msgID: string) => raw.publish(subjectOf(events), encode(events), { msgID })
    const first = await send('one')
    await shown(org_id, 20)
    const second = await send('two')
    expect(second.seq).toBeGreaterThan(first.seq)
    const copies = () =>
      store.select<{ n: number }>(
        `SELECT count() AS n FROM ${store.database}.audit_records WHERE org_id = {org:UUID}`,
        { org: org_id },
      )
    // Both copies are there, unmerged, and readers see one.
    expect(await eventually(copies, ([row]) => row!.n >= 40, 5_000)).toEqual([{ n: 40 }])
    const pages = await walk(
      gateway,
      await listAudits(gateway, { limit: 7 }, org_id),
      'next_cursor',
      { limit: 7 },
      org_id,
    )
    expect(shownOf(pages).map(({ time, id }) => `${time} ${id}`)).toEqual(newestFirst(events))
  })

  test('of another organisation is not there: not in lists, not by id, not by project', async () => {
    const mine = makeEvent({ org_id: newOrg() })
    await record([mine])
    expect(await shown(mine.org_id, 1)).toHaveLength(1)
    expect(await shown(OTHER_ORG, 0)).toEqual([])
    expect(await shown(OTHER_ORG, 0, { project_id: PROJECT })).toEqual([])
    await expect(
      gateway.call(ingest.rpc.getAudit, { id: mine.id }, personOf(OTHER_ORG)),
    ).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await expect(gateway.call(ingest.rpc.listAudits, {})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })
})

test('paging forward and back gives each row exactly once and in order, also where rows share a time', async () => {
  const org_id = newOrg()
  const projects = [PROJECT, ORG, null]
  const events = Array.from({ length: 300 }, (_, at) =>
    makeEvent({
      org_id,
      project_id: projects[at % 3]!,
      time: `2026-03-01T12:00:00.00${at % 4}Z`,
      decision: (['allow', 'deny', 'ask'] as const)[(at % 5) % 3]!,
    }),
  )
  await record(events)
  await eventually(
    () => shown(org_id, 200),
    (items) => items.length === 200,
    5_000,
  )
  for (const filter of [{}, { project_id: PROJECT }, { decision: 'deny' as const }]) {
    const wanted = newestFirst(
      events.filter((event) =>
        Object.entries(filter).every(([key, value]) => event[key as 'tool'] === value),
      ),
    )
    const input = { limit: 7, ...filter }
    const pages = await walk(gateway, await listAudits(gateway, input, org_id), 'next_cursor', input, org_id)
    const keys = (items: typeof pages) => shownOf(items).map(({ time, id }) => `${time} ${id}`)
    expect(keys(pages)).toEqual(wanted)
    expect(pages[0]!.prev_cursor).toBeNull()
    const back = await walk(gateway, pages.at(-1)!, 'prev_cursor', input, org_id)
    expect(keys(back.reverse())).toEqual(wanted)
  }
})

describe('a filter', () => {
  const org_id = newOrg()
  const at = (hour: number) => `2026-03-01T${String(hour).padStart(2, '0')}:00:00.000Z`
  const sample: Record<string, Partial<AuditEvent>> = {
    issue: { tool: 'github/create_issue', rule: 'no-issues', decision: 'deny', time: at(1) },
    xissue: { tool: 'github/createXissue', rule: 'no.issues', time: at(2) },
    percent: { tool: 'shell.run', arguments: { text: '100% of "it\'s" \\ a_b' }, time: at(3) },
    plain: { tool: 'shell.run', arguments: { text: '100 of its axb' }, agent: 'Größe', time: at(4) },
    facts: { facts: { paths: ['/srv/Secret.txt'] }, reason: 'Reads a FILE.', time: at(5) },
  }
  const events = Object.entries(sample).map(([request_id, each]) =>
    makeEvent({
      org_id,
      request_id,
      tool: 'other',
      rule: 'r',
      reason: '',
      facts: null,
      arguments: {},
      agent: null,
      ...each,
    }),
  )
  beforeAll(async () => {
    await record(events)
    await shown(org_id, events.length)
  })

  test.for<[ListInput, string[]]>([
    [{ tool: 'github/create_issue' }, ['issue']],
    [{ tool: 'GITHUB/create_issue' }, []],
    [{ tool: 'github/create%' }, []],
    [{ tool: 'github/*' }, ['xissue', 'issue']],
    [{ tool: '*_issue' }, ['issue']],
    [{ tool: 'github' }, []],
    [{ rule: 'no-*' }, ['issue']],
    [{ decision: 'deny' }, ['issue']],
    [{ agent: 'Größe' }, ['plain']],
    [{ agent: 'Gr*' }, []],
    [{ from: at(4) }, ['facts', 'plain']],
    [{ to: at(2) }, ['issue']],
    [{ from: at(2), to: at(3) }, ['xissue']],
    [{ from: '0001-01-01T00:00:00Z', to: '9999-01-01T00:00:00Z', tool: '*issue' }, ['xissue', 'issue']],
    [{ q: '100%' }, ['percent']],
    [{ q: 'A_B' }, ['percent']],
    [{ q: '"it\'s" \\ a' }, ['percent']],
    [{ q: 'GRÖSSE' }, []],
    [{ q: 'GRÖßE' }, ['plain']],
    [{ q: 'secret.TXT' }, ['facts']],
    [{ q: 'a file.' }, ['facts']],
    [{ q: 'NO.ISSUES' }, ['xissue']],
    [{ q: "') OR 1=1 --" }, []],
    [{ q: "x'; DROP TABLE audit_records; --" }, []],
    [{ q: '{org:UUID}' }, []],
    [{ q: '\t\n\0' }, []],
    [{ q: '' }, ['facts', 'plain', 'percent', 'xissue', 'issue']],
    [{ tool: "' OR ''='" }, []],
    [{ tool: 'shell.*', q: 'axb' }, ['plain']],
    [{ project_id: ORG }, []],
  ])('%j finds %j', async ([input, wanted]) => {
    const { items } = await listAudits(gateway, input, org_id)
    expect(items.map((item) => item.request_id)).toEqual(wanted)
  })

  test.for(['', 'x', 'WyJvbGRlciIsMSwieCJd', "' OR 1=1"])(
    'the cursor %j is INVALID_ARGUMENT',
    async (cursor) => {
      await expect(listAudits(gateway, { cursor }, org_id)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      })
    },
  )
})

describe('the counts', () => {
  const org_id = newOrg()
  const at = (hour: number, minute = 0) =>
    `2026-03-0${hour < 20 ? 1 : 2}T${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}:00.000Z`
  const named = makeEvent({ org_id, decision: 'deny', rule: 'b', reason: 'later', time: at(12, 30) })
  const events = [
    makeEvent({ org_id, decision: 'deny', rule: 'b', reason: 'first', time: at(12), agent: 'one' }),
    named,
    makeEvent({ org_id, decision: 'deny', rule: 'a', time: at(21), agent: null }),
    makeEvent({ org_id, decision: 'allow', rule: 'c', time: at(13), tool: 'files/read', project_id: ORG }),
    makeEvent({ org_id, kind: 'admin', rule: '', tool: 'PUT /projects', time: at(12) }),
    // A report of a decision that is there is that decision; one of a decision that nobody made is itself.
    makeEvent({ org_id, kind: 'report', decision: 'allow', rule: 'r', time: at(14), decision_id: named.id }),
    makeEvent({ org_id, kind: 'report', decision: null, rule: '', time: at(15), decision_id: newOrg() }),
  ]
  const counts = (input: CountInput = {}, org = org_id) =>
    gateway.call(ingest.rpc.countAudits, input, personOf(org))
  const keys = async (input: CountInput) => (await counts(input)).items.map(({ key, count }) => [key, count])

  const rest = new AsyncDisposableStack()
  afterAll(() => rest.disposeAsync())
  beforeAll(async () => {
    rest.use(await withoutMerges())
    const stored = async (wanted: number) => {
      const rows = () =>
        store.select<{ n: number }>(
          `SELECT count() AS n FROM ${store.database}.audit_records WHERE org_id = {org:UUID}`,
          { org: org_id },
        )
      expect(await eventually(rows, ([row]) => row?.n === wanted, 10_000)).toEqual([{ n: wanted }])
    }
    // A report that came before its decision is stored, as nobody could know.
    const early = events.filter(({ decision_id }) => decision_id === named.id)
    await record(early)
    await stored(early.length)
    await record(events.filter((event) => !early.includes(event)))
    await stored(events.length)
    // Written again under another message id, in an insert of its own, and not merged: counted once all the same.
    const again = events.slice(0, 1)
    await jetstream(publisher.connection).publish(subjectOf(again), encode(again), { msgID: newOrg() })
    await stored(events.length + 1)
  })

  test('are of every call once, also of one that is stored twice or reported besides, and of no act', async () => {
    expect((await counts()).total).toEqual({ count: 5, allow: 1, deny: 3, ask: 0 })
    expect(await keys({ group_by: 'decision' })).toEqual([
      ['deny', 3],
      ['allow', 1],
      ['report', 1],
    ])
  })

  test('by rule have what it said last, the largest first', async () => {
    const { items } = await counts({ group_by: 'rule', decision: 'deny' })
    expect(items).toMatchObject([
      { key: 'b', count: 2, deny: 2, last: named.time, reason: 'later' },
      { key: 'a', count: 1 },
    ])
    expect((await counts({ group_by: 'rule', limit: 1 })).items).toHaveLength(1)
  })

  test('by agent, tool, hour and day', async () => {
    expect(await keys({ group_by: 'agent', decision: 'deny' })).toEqual([
      ['', 1],
      ['one', 1],
      ['reporter', 1],
    ])
    expect(await keys({ group_by: 'tool', tool: 'files/*' })).toEqual([['files/read', 1]])
    expect(await keys({ group_by: 'hour', decision: 'deny' })).toEqual([
      ['2026-03-01T12:00:00.000Z', 2],
      ['2026-03-02T21:00:00.000Z', 1],
    ])
    expect(await keys({ group_by: 'day', limit: 1 })).toEqual([['2026-03-02', 1]])
  })

  test('follow each filter of the list', async () => {
    expect((await counts({ project_id: ORG })).total.count).toBe(1)
    expect((await counts({ from: at(13), to: at(15) })).total.count).toBe(1)
    expect((await counts({ q: 'first' })).total.count).toBe(1)
    for (const group_by of ['rule', 'agent', 'tool', 'decision', 'hour', 'day'] as const)
      expect((await counts({ q: 'first', group_by })).items, group_by).toMatchObject([{ count: 1 }])
    expect((await counts({ rule: 'nobody' })).total).toEqual({ count: 0, allow: 0, deny: 0, ask: 0 })
  })

  test('of another organisation are none', async () => {
    expect(await counts({}, newOrg())).toEqual({
      group_by: 'decision',
      total: { count: 0, allow: 0, deny: 0, ask: 0 },
      items: [],
    })
    await expect(gateway.call(ingest.rpc.countAudits, {})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })
})

test('a message that is no list of events goes to the dead letters with its reason, and the next is stored', async () => {
  const org_id = newOrg()
  const raw = jetstream(publisher.connection)
  await raw.publish(`audit.${org_id}._.allow`, '[{"id":1}]', { msgID: 'bad', headers: natsHeaders() })
  const good = makeEvent({ org_id })
  await record([good])
  expect((await shown(org_id, 1)).map(({ id }) => id)).toEqual([good.id])
  const provision = await bus.raw('provision')
  const manager = await jetstreamManager(provision)
  const dead = await manager.streams.getMessage('DEAD', { last_by_subj: `dead.audit.${org_id}._.allow` })
  expect(dead?.string()).toBe('[{"id":1}]')
  expect(dead?.header.get('Reason')).toContain('0.id')
  await provision.close()
})

test('a row that ClickHouse refuses is told from ClickHouse not being ready', async () => {
  const failure = (insert: Promise<void>) =>
    insert.then(
      () => undefined,
      (error: unknown) => error,
    )
  expect(isRefusal(await failure(store.insert('audit_results', [{ time: 'yesterday' }])))).toBe(true)
  expect(isRefusal(await failure(store.insert('audit_results', [{ id: 'x' }])))).toBe(true)
  expect(isRefusal(await failure(store.insert('audit_results', [{ rows: 'many' }])))).toBe(true)
  expect(isRefusal(await failure(store.insert('audit_results', [{ column_of_tomorrow: 1 }])))).toBe(false)
  expect(isRefusal(await failure(store.insert('not_migrated', [{ id: ORG }])))).toBe(false)
  // What ClickHouse quotes of a row stays out of logs and dead letters.
  expect(String(await failure(store.insert('audit_results', [{ id: 'hunter2' }])))).not.toContain('hunter2')
  expect(await failure(store.insert('audit_results', [{ column_of_tomorrow: 1 }]))).toBeInstanceOf(Error)
  await using nobody = connectClickhouse('http://default:x@127.0.0.1:9/nothing')
  expect(isRefusal(await failure(nobody.insert('audit_results', [{ id: ORG }])))).toBe(false)
})

test('health tells of both stores', async () => {
  expect(await gateway.call(ingest.rpc.checkHealth, {})).toEqual({
    ok: true,
    dependencies: { clickhouse: { ok: true }, nats: { ok: true }, redis: { ok: true } },
  })
})
