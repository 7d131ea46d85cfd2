import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { matches, type LogRecord } from '../src/audit-lines.ts'
import { eventsOf } from '../src/event-stream.ts'
import { run } from '../src/program.ts'
import { ran, worldOf } from './in-process.ts'
import { startRestServer } from './rest-server.ts'

const PROJECT = '0194b2f0-0000-7000-8000-0000000000aa'

const record = (id: string, more: Partial<LogRecord> = {}): LogRecord => ({
  id,
  time: `2026-01-03T12:00:0${id}.000Z`,
  kind: 'decision',
  tool: 'postgres.query',
  arguments: { sql: 'select 1' },
  facts: null,
  decision: 'allow',
  rule: 'read',
  reason: 'A rule allows it.',
  agent: 'claude\u001b[2J',
  outcome: null,
  duration_ms: null,
  rows: null,
  redactions: null,
  ...more,
})

const done = { outcome: 'ok', duration_ms: 4.25, rows: 3, redactions: 2 }

describe('logs', () => {
  test('are the newest records, the newest last, and nothing in them moves the cursor', async () => {
    await using server = await startRestServer()
    const denied = record('2', { decision: 'deny', rule: 'default', reason: 'No rule allows it.' })
    server.answers.set(`GET /audits?project_id=${PROJECT}&tool=postgres.*&limit=2`, {
      status: 200,
      body: { items: [denied, record('1', done)], next_cursor: 'more' },
    })
    const args = ['logs', '--project', PROJECT, '--tool', 'postgres.*', '--limit', '2', '--api', server.url]
    const env = { MCPSHIELD_TOKEN: server.token() }
    const { code, stdout } = await ran(args, { env })
    expect(code).toBe(0)
    expect(stdout.split('\n').map((line) => line.replace(/ {2,}/g, '  '))).toEqual([
      '2026-01-03T12:00:01.000Z  allow  postgres.query  claude\ufffd[2J  read  ok, 4.3 ms, 3 rows, 2 redacted',
      '2026-01-03T12:00:02.000Z  deny  postgres.query  claude\ufffd[2J  default  No rule allows it.',
      '',
    ])
    expect((await ran([...args, '--json'], { env })).lines).toEqual([record('1', done), denied])
  })

  test('are of all projects without a word, and of a time that is given or reckoned back', async () => {
    await using server = await startRestServer()
    server.otherwise = () => ({ status: 200, body: { items: [], next_cursor: null } })
    const logs = (...args: string[]) =>
      ran(['logs', ...args, '--api', server.url], {
        env: { MCPSHIELD_TOKEN: server.token(), MCPSHIELD_PROJECT: '' },
      })
    await logs()
    expect(server.asked.at(-1)?.path).toBe('/audits?limit=50')
    await logs('--from', '15m', '--to', '2026-01-31T12:00:00Z')
    const query = new URL(server.asked.at(-1)?.path ?? '', 'http://x').searchParams
    expect(query.get('to')).toBe('2026-01-31T12:00:00.000Z')
    expect(Date.now() - Date.parse(query.get('from') ?? '') - 900_000).toBeLessThan(10_000)
    expect(await logs('--from', 'yesterday')).toMatchObject({ code: 2 })
    expect(await logs('--decision', 'maybe')).toMatchObject({ code: 2 })
    expect(await logs('--follow', '--to', '1h')).toMatchObject({ code: 2 })
  })
})

describe('logs --follow', () => {
  test('goes on after an interruption, shows what was missed, and nothing twice', async () => {
    await using server = await liveServer()
    const { world, stdout } = worldOf({ env: { MCPSHIELD_TOKEN: 'a-token' } })
    server.records = [record('1', done)]
    const ended = run(['logs', '--follow', '--json', '--decision', 'allow', '--api', server.url], world)
    const shown = () =>
      stdout
        .text()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogRecord)
        .map(({ id, outcome }) => `${id} ${outcome ?? 'decided'}`)
    await expect.poll(shown).toEqual(['1 ok'])

    server.send('decision', record('1', done))
    server.send('decision', record('2'))
    server.send('decision', record('3', { decision: 'deny' }))
    server.send('outcome', record('2', done))
    await expect.poll(shown).toEqual(['1 ok', '2 decided', '2 ok'])

    server.records = [record('5'), record('4'), record('2', done)]
    server.cut()
    await expect
      .poll(shown, { timeout: 5_000 })
      .toEqual(['1 ok', '2 decided', '2 ok', '4 decided', '5 decided'])
    expect(server.paths.at(-1)).toContain('from=2026-01-03T11%3A59%3A02.000Z')

    // A token that is not good any more is for a person to mend.
    server.refuse = true
    server.cut()
    expect(await ended).toBe(3)
  })
})

describe('events', () => {
  const events = async (...chunks: string[]) => {
    const response = new Response(ReadableStream.from(chunks.map((chunk) => Buffer.from(chunk))))
    const read = []
    for await (const event of eventsOf(response)) read.push(event)
    return read
  }

  test('are read wherever the pieces end', async () => {
    expect(
      await events('retry: 1\n\n: here\n\nevent: a\nda', 'ta: {"x":\r', '\ndata: 1}\r\n\r\nevent: b\n\n'),
    ).toEqual([{ event: 'a', data: '{"x":\n1}' }])
  })

  test('without an end are refused', async () => {
    await expect(events('data: ', 'x'.repeat(5 * 1024 * 1024))).rejects.toThrow('without end')
  })
})

test.for<[boolean, Parameters<typeof matches>[1]]>([
  [true, {}],
  [true, { tool: 'postgres.*' }],
  [true, { tool: '*query' }],
  [true, { tool: 'p*g*y' }],
  [false, { tool: 'postgres' }],
  [false, { tool: 'postgres.query*y' }],
  [false, { tool: '*.find' }],
  [false, { rule: 'rea' }],
  [true, { agent: 'claude\u001b[2J' }],
  [false, { agent: 'claude' }],
  [true, { search: 'SELECT' }],
  [true, { search: 'allows' }],
  [false, { search: 'delete' }],
  [false, { decision: 'deny' }],
])('that a record is %s of %o is told as the API tells it', ([wanted, filter]) => {
  expect(matches(record('1'), filter)).toBe(wanted)
})

/** The record, and the stream of what comes to it. */
async function liveServer() {
  const open = new Set<ServerResponse>()
  const state = { records: [] as LogRecord[], paths: [] as string[], refuse: false }
  const server = createServer((request, response) => {
    state.paths.push(request.url ?? '')
    if (state.refuse) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"detail":"Sign in first."}')
    } else if (request.url?.startsWith('/audits/live')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('retry: 3000\n\n')
      open.add(response)
    } else {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ items: state.records, next_cursor: null }))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    send: (event: string, data: LogRecord) => {
      for (const each of open) each.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    },
    cut: () => {
      for (const each of open) each.destroy()
      open.clear()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

vi.setConfig({ testTimeout: 20_000 })
