// What a decision owes holds for everything that a call gives back: how often, how much, how long; and what must not
// leave is taken out of every word of it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectClient } from '../mcp/fixture-client.ts'
import { startFixture, type Fixture } from '../mcp/fixture-server.ts'
import type { FixtureTool } from '../mcp/fixture/tool.ts'
import { openSpeaker, type Heard, type Json, type Speaker } from './mcp-wire.ts'
import { decisionIn, startWorld, type World, type WorldProject } from './mcp-world.ts'

const ERAS = ['legacy', 'modern'] as const
const EMAIL = 'grace.hopper@navy.example'
const CAPABILITIES = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  extensions: { 'io.modelcontextprotocol/tasks': {} },
}

/** What takes its time on a loaded machine. */
const SOON = { timeout: 15_000, interval: 50 }

let world: World
let project: WorldProject
/** One of each era alone, so that every client meets every server. */
const fixtures = new Map<string, Fixture>()

beforeAll(async () => {
  world = await startWorld(22_080)
  project = await world.project('limits')
  for (const era of ERAS) {
    const fixture = await startFixture({ era })
    fixture.world.tools.set('report_address', REPORTS)
    fixtures.set(era, fixture)
    await project.addUpstream(era, { url: fixture.url })
  }
})
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
  for (const fixture of fixtures.values()) await fixture[Symbol.asyncDispose]()
})
/** Says an address in its progress. */
const REPORTS: FixtureTool = {
  definition: { description: 'Reports an address', inputSchema: { type: 'object' } },
  async run(_args, { ctx }) {
    const progressToken = ctx.mcpReq._meta?.progressToken ?? 0
    const params = { progressToken, progress: 1, total: 2, message: `asking ${EMAIL}` }
    await ctx.mcpReq.notify({ method: 'notifications/progress', params })
    return { content: [{ type: 'text', text: 'asked' }] }
  },
}

beforeEach(() => fixtures.forEach((fixture) => fixture.forget()))

const reached = (text: string) =>
  [...fixtures.values()].flatMap((fixture) => fixture.calls()).filter(({ body }) => body.includes(text))
    .length
const speakerOf = (era: 'legacy' | 'modern', slug: string, key = project.key.secret): Promise<Speaker> =>
  openSpeaker({ url: project.url(slug), key, era, withSession: true, capabilities: CAPABILITIES })
const tool = (name: string, args: Json = {}, more: Json = {}) => ({ name, arguments: args, ...more })

describe('a rate limit', () => {
  test.for(ERAS)('of 50 lets exactly 50 of 200 pass that come at once (%s)', async (era) => {
    await project.policy(
      `{ id: fifty-${era}, tool: "*", decision: allow, limits: { rate_limit: { calls: 50, per: 1h, by: key } } }`,
    )
    const speaker = await speakerOf(era, era)
    const heard = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        speaker.send('tools/call', tool('safe_echo', { text: `parallel-${index}-` })),
      ),
    )
    const denied = heard.filter((each) => decisionIn(each)?.rule === `fifty-${era}`)
    expect(denied).toHaveLength(150)
    expect(denied.every((each) => (decisionIn(each)?.retry_after_ms ?? 0) > 0)).toBe(true)
    expect(heard.filter((each) => each.result?.['isError'] !== true)).toHaveLength(50)
    expect(reached('parallel-')).toBe(50)
  })

  test('by key is each key’s own, by project everybody’s', async () => {
    await project.policy(
      '{ id: own, tool: "legacy/safe_echo", decision: allow, limits: { rate_limit: { calls: 1, per: 1h, by: key } } }',
      '{ id: all, tool: "legacy/echo", decision: allow, limits: { rate_limit: { calls: 1, per: 1h, by: project } } }',
    )
    const other = await project.addKey({ name: 'other' })
    const [first, second] = [
      await speakerOf('legacy', 'legacy'),
      await speakerOf('legacy', 'legacy', other.secret),
    ]
    const rule = async (speaker: Speaker, name: string) =>
      decisionIn(await speaker.send('tools/call', tool(name)))?.rule
    expect(await rule(first, 'safe_echo')).toBeUndefined()
    expect(await rule(first, 'safe_echo')).toBe('own')
    expect(await rule(second, 'safe_echo')).toBeUndefined()
    expect(await rule(first, 'echo')).toBeUndefined()
    expect(await rule(second, 'echo')).toBe('all')
  })
})

const PAIRS = ERAS.flatMap((client) => ERAS.map((server) => [client, server] as const))

describe.each(PAIRS)('a %s client at a %s server', (client, server) => {
  let speaker: Speaker
  beforeAll(async () => {
    await project.policy(
      `{ id: bound, method: "*", tool: "*", decision: allow, redact: [email], limits: { max_bytes: 4000, timeout: 2s } }`,
    )
    speaker = await speakerOf(client, server)
  })

  test('gets no result over its bytes, and one within them whole', async () => {
    const within = await speaker.send('tools/call', tool('big_result', { letters: 2_000 }))
    expect(JSON.stringify(within.result)).toContain('x'.repeat(2_000))
    const over = await speaker.send('tools/call', tool('big_result', { letters: 5_000 }))
    expect(over.result?.['isError']).toBe(true)
    expect(over.text).toMatch(/withheld: it has \d+ bytes, and the policy lets 4000 through/)
    expect(over.text).not.toContain('xxx')
  })

  test('is not kept waiting over its time, and the server is told to stop', async () => {
    const label = `${client} at ${server}`
    const startedMs = performance.now()
    const heard = await speaker.send('tools/call', tool('slow', { ms: 30_000, label }))
    expect(performance.now() - startedMs).toBeLessThan(8_000)
    expect(heard.result?.['isError']).toBe(true)
    expect(heard.text).toContain('within 2000 ms')
    await expect.poll(() => fixtures.get(server)?.world.cancelled).toContain(label)
    expect((await speaker.send('tools/call', tool('slow', { ms: 1 }))).result?.['isError']).not.toBe(true)
  })

  describe('sees no address', () => {
    /** Everything that came back, whatever stream and member it was in. */
    function expectRedacted(heard: Heard): void {
      expect(heard.text).not.toContain(EMAIL)
      expect(heard.text).toContain('[redacted:email]')
    }
    const send = (method: string, params: Json, answer?: Json) =>
      speaker.send(method, params, {
        answer: () => ({ result: answer ?? { action: 'decline' } }),
      })

    test('in text, in structured content, in _meta', async () => {
      expectRedacted(await send('tools/call', tool('safe_echo', { text: `to ${EMAIL}` })))
      const echoed = await send('tools/call', {
        ...tool('echo', { to: EMAIL }),
        _meta: { 'com.example/to': EMAIL },
      })
      expectRedacted(echoed)
      const structured = echoed.result?.['structuredContent'] as { arguments: Json }
      expect(structured.arguments['to']).not.toBe(EMAIL)
      const record = await send('tools/call', tool('structured_record'))
      expect(record.text).not.toContain('ada@example.com')
      expect(record.text).toContain('Ada Lovelace')
    })

    test('in resources and prompts', async () => {
      expectRedacted(await send('resources/read', { uri: `test://template/${EMAIL}/data` }))
      expectRedacted(
        await send('prompts/get', {
          name: 'test_prompt_with_arguments',
          arguments: { arg1: EMAIL, arg2: 'b' },
        }),
      )
    })

    test('in errors, their data included', async () => {
      const args = { code: -31_999, message: `No ${EMAIL}`, data: { of: { whom: EMAIL } } }
      const heard = await send('tools/call', tool('protocol_error', args))
      expectRedacted(heard)
      expect(heard.error?.code).toBe(-31_999)
    })

    test('in progress and in logs', async () => {
      const told = await send('tools/call', { ...tool('report_address'), _meta: { progressToken: 'p' } })
      expect(told.told.map(({ method }) => method)).toEqual(['notifications/progress'])
      expect(told.told[0]?.params?.['progressToken']).toBe('p')
      expectRedacted(told)
      if (client === 'legacy') await speaker.send('logging/setLevel', { level: 'info' })
      const logged = await send('tools/call', {
        ...tool('send_notification', {
          method: 'notifications/message',
          params: { level: 'warning', data: { to: EMAIL } },
        }),
        ...(client === 'legacy' ? {} : { _meta: { 'io.modelcontextprotocol/logLevel': 'info' } }),
      })
      expect(logged.told.map(({ method }) => method)).toEqual(['notifications/message'])
      expectRedacted(logged)
    })

    test('in what it is asked', async () => {
      expectRedacted(await send('tools/call', tool('test_elicitation', { message: `Are you ${EMAIL}?` })))
      expectRedacted(await send('tools/call', tool('test_sampling', { prompt: `Who is ${EMAIL}?` })))
    })

    test('in what is listed and how the server describes itself', async () => {
      const fixture = fixtures.get(server)!
      const echo = fixture.world.tools.get('echo')!
      const name = `described-for-${client}`
      fixture.world.tools.set(name, {
        ...echo,
        definition: { ...echo.definition, description: `Writes to ${EMAIL}` },
      })
      try {
        const common = await openSpeaker({ url: project.url(), key: project.key.secret, era: client })
        for (const by of [speaker, common]) {
          const heard = await by.send('tools/list')
          expect(heard.text).toContain(name)
          expectRedacted(heard)
        }
      } finally {
        fixture.world.tools.delete(name)
      }
    })

    test.runIf(client === server)('in the result of a task', async () => {
      const begun = await send('tools/call', {
        ...tool('slow_compute', { seconds: 0, label: EMAIL }),
        ...(client === 'legacy' ? { task: {} } : {}),
      })
      const { taskId } = (begun.result?.['task'] ?? begun.result) as { taskId: string }
      const done = await vi.waitFor(async () => {
        const heard = await send(client === 'legacy' ? 'tasks/result' : 'tasks/get', { taskId })
        expect(heard.text).toContain('after 0 s')
        return heard
      }, SOON)
      expectRedacted(done)
    })
  })

  test.runIf(client === 'legacy' && server === 'legacy')(
    'sees no address in what it is told and asked outside of calls',
    async () => {
      const sdk = await connectClient(
        { url: project.url(server), headers: { 'x-api-key': project.key.secret } },
        client,
      )
      const heard: unknown[] = []
      sdk.setRequestHandler('elicitation/create', ({ params }) => {
        heard.push(params)
        return { action: 'decline' }
      })
      sdk.setNotificationHandler('notifications/resources/updated', ({ params }) => void heard.push(params))
      const uri = `test://of/${EMAIL}`
      await sdk.subscribeResource({ uri })
      const form = { message: `Are you ${EMAIL}?`, requestedSchema: { type: 'object', properties: {} } }
      await vi.waitFor(async () => {
        await sdk.callTool({ name: 'touch_resource', arguments: { uri } })
        await sdk.callTool({
          name: 'ask_outside_call',
          arguments: { method: 'elicitation/create', params: form },
        })
        await vi.waitFor(() => expect(heard.length).toBeGreaterThan(1), { timeout: 1_000 })
      }, SOON)
      expect(JSON.stringify(heard)).toContain('[redacted:email]')
      expect(JSON.stringify(heard)).not.toContain(EMAIL)
      await sdk.close()
    },
  )

  test.runIf(client === 'modern')('sees no address in what it is told of changes', async () => {
    const over = new AbortController()
    const uri = `test://of/${EMAIL}`
    const told: string[] = []
    const acknowledged = Promise.withResolvers<void>()
    const stream = speaker
      .send(
        'subscriptions/listen',
        { notifications: { resourceSubscriptions: [uri] } },
        {
          signal: over.signal,
          onTold: ({ method, params }) => {
            if (method === 'notifications/subscriptions/acknowledged') return acknowledged.resolve()
            told.push(JSON.stringify(params))
          },
        },
      )
      .catch(() => undefined)
    await acknowledged.promise
    await speaker.send('tools/call', tool('touch_resource', { uri }))
    await expect.poll(() => told).toHaveLength(1)
    expect(told[0]).toContain('[redacted:email]')
    expect(told[0]).not.toContain(EMAIL)
    over.abort()
    await stream
  })

  test('gets addresses where no rule takes them out', async () => {
    await project.policy('{ id: open, method: "*", tool: "*", decision: allow }')
    const heard = await speaker.send('tools/call', tool('safe_echo', { text: EMAIL }))
    expect(heard.text).toContain(EMAIL)
  })
})

describe('what a call owes', () => {
  test.for(ERAS)('is owed by the task that it became (%s)', async (era) => {
    await project.policy(
      '{ id: call, tool: "*", decision: allow, redact: [email], limits: { max_bytes: 1500 } }',
      '{ id: tasks, method: "tasks/*", tool: "*", decision: allow }',
    )
    const speaker = await speakerOf(era, era)
    const finished = async (label: string) => {
      const asTask = era === 'legacy' ? { task: {} } : {}
      const begun = await speaker.send('tools/call', tool('slow_compute', { seconds: 0, label }, asTask))
      const { taskId } = (begun.result?.['task'] ?? begun.result) as { taskId: string }
      return vi.waitFor(async () => {
        const heard = await speaker.send(era === 'legacy' ? 'tasks/result' : 'tasks/get', { taskId })
        expect(heard.text).toMatch(/after 0 s|withheld/)
        return heard
      }, SOON)
    }
    const redacted = await finished(EMAIL)
    expect(redacted.text).not.toContain(EMAIL)
    expect(redacted.text).toContain('[redacted:email]')
    const long = await finished('x'.repeat(3_000))
    expect(long.text).not.toContain('xxx')
    expect(long.text).toContain('the policy lets 1500 through')
  })

  test('is what its own rule says: another tool’s redaction is not its', async () => {
    await project.policy(
      '{ id: quiet, tool: "legacy/echo", decision: allow, redact: [email] }',
      '{ id: open, tool: "legacy/safe_echo", decision: allow }',
    )
    const speaker = await speakerOf('legacy', 'legacy')
    expect((await speaker.send('tools/call', tool('echo', { to: EMAIL }))).text).not.toContain(EMAIL)
    expect((await speaker.send('tools/call', tool('safe_echo', { text: EMAIL }))).text).toContain(EMAIL)
  })
  test.for(ERAS)(
    'withholds every word of a statement that shows a column to be redacted (%s)',
    async (era) => {
      const facts = `{ "${era}/report_address": { sql: { argument: sql, dialect: postgresql } } }`
      await project.policyWithFacts(
        facts,
        '{ id: fields, tool: "*", decision: allow, conditions: { operations: [read], resources: ["*"] }, redact: [{ fields: ["*.email"] }] }',
      )
      const speaker = await speakerOf(era, era)
      const said = (sql: string) =>
        speaker.send('tools/call', { ...tool('report_address', { sql }), _meta: { progressToken: 'p' } })
      const shown = await said('select email from public.people')
      expect(shown.text).not.toContain(EMAIL)
      expect(shown.told).toEqual([])
      expect(shown.result?.['isError'], shown.text).toBe(true)
      const other = await said('select name from public.people')
      expect(other.told.map(({ method }) => method)).toEqual(['notifications/progress'])
      expect(other.result?.['isError'], other.text).not.toBe(true)
    },
  )

  test('is recorded: outcome, bytes, redactions', async () => {
    await project.policy('{ id: counted, tool: "legacy/*", decision: allow, redact: [email] }')
    const speaker = await speakerOf('legacy', 'legacy')
    await speaker.send('tools/call', tool('safe_echo', { text: `counted ${EMAIL} ${EMAIL}` }))
    const [record] = await vi.waitFor(
      async () => {
        const found = await project.audits(({ rule, outcome }) => rule === 'counted' && outcome !== null)
        expect(found).toHaveLength(1)
        return found
      },
      { timeout: 20_000, interval: 200 },
    )
    expect(record).toMatchObject({ outcome: 'ok', redactions: 2 })
    expect(JSON.stringify(record)).not.toContain(EMAIL)
  })

  test('no words of a process that died are told', async () => {
    await project.policy('{ id: open, tool: "*", decision: allow }')
    const words = `console.error('ask ${EMAIL}'); process.exit(1)`
    const made = { slug: 'dying', transport: 'stdio', command: process.execPath, args: ['-e', words] }
    await project.send('POST', '/upstreams', made)
    const speaker = await openSpeaker({ url: project.url('dying'), key: project.key.secret, era: 'modern' })
    await vi.waitFor(async () => {
      const { text } = await speaker.send('tools/call', tool('any'))
      expect(text).toContain('The upstream dying')
      expect(text).not.toContain(EMAIL)
    }, SOON)
  })

  test('holds for what goes wrong in a connector', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mcpshield-sqlite-'))
    const path = join(folder, 'shop.db')
    new DatabaseSync(path).exec('create table products (name text)')
    await project.send('POST', '/connections', { name: 'shop', kind: 'sqlite', path })
    const speaker = await openSpeaker({ url: project.url(), key: project.key.secret, era: 'modern' })
    const sql = `select products."${EMAIL}" from products`
    const said = async (redact: string) => {
      const conditions = '{ operations: [read], resources: ["*"] }'
      await project.policy(
        `{ id: shop, tool: "sqlite.query", decision: allow, conditions: ${conditions}${redact} }`,
      )
      return vi.waitFor(async () => {
        const { text } = await speaker.send('tools/call', tool('sqlite__query', { sql }))
        expect(text).toContain('no such column')
        return text
      }, SOON)
    }
    expect(await said('')).toContain(EMAIL)
    const redacted = await said(', redact: [email]')
    expect(redacted).not.toContain(EMAIL)
    expect(redacted).toContain('[redacted:email]')
    rmSync(folder, { recursive: true })
  })
})
