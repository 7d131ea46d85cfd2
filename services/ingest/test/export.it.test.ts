import { randomUUID } from 'node:crypto'
import { AuditRecord, ingest } from '@mcpshield/contracts/ingest'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { Input } from '@mcpshield/contracts/define'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rowsOf } from '../src/rows.ts'
import { insertRows } from '../src/writing.ts'
import { makeEvent, OTHER_ORG, outcomeOf } from './events.ts'
import { listAudits, newestFirst, personOf, shownOf, startStack, walk, type Stack } from './stack.ts'

const stack = new AsyncDisposableStack()
let on: Stack
beforeAll(async () => {
  on = await startStack(stack)
})
afterAll(() => stack.disposeAsync())

const store = (events: AuditEvent[]) =>
  insertRows(on.store, rowsOf(events, { receivedMs: Date.now(), untilMs: Date.now() + 86_400_000 }))

/** Every piece, as the gateway puts them together. */
async function exported(org: string, input: Input<typeof ingest.rpc.exportAudits>): Promise<string[]> {
  const chunks: string[] = []
  let cursor: string | null | undefined
  do {
    const asked = cursor === undefined ? input : { ...input, cursor: cursor! }
    const answer = await on.gateway.call(ingest.rpc.exportAudits, asked, personOf(org))
    chunks.push(answer.chunk)
    cursor = answer.next_cursor
  } while (cursor !== null)
  return chunks
}

const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** RFC 4180, read plainly. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]]
  const cells = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/gy
  for (
    let match = cells.exec(text);
    match !== null && cells.lastIndex <= text.length;
    match = cells.exec(text)
  ) {
    rows.at(-1)!.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === '') break
    if (match[3] === '\r\n') {
      if (cells.lastIndex === text.length) break
      rows.push([])
    }
  }
  return rows
}

const TEXTS = [
  'two\r\nlines',
  'a "quoted", text',
  '🚀 Größe',
  '=1+1',
  '@cmd',
  '-2',
  '\t=x',
  'half \ud800 pair',
]

describe('an export', () => {
  const org_id = randomUUID()
  const decisions = Array.from({ length: 4_500 }, (_, at) =>
    makeEvent({
      org_id,
      time: new Date(Date.UTC(2026, 2, 1) + Math.floor(at / 2)).toISOString(),
      reason: TEXTS[at % TEXTS.length]!,
      arguments: { text: TEXTS[at % TEXTS.length]! },
      decision: at % 3 === 0 ? 'deny' : 'allow',
    }),
  )
  const wanted = newestFirst(decisions)
  beforeAll(() =>
    store([...decisions, ...decisions.filter((_, at) => at % 2 === 0).map((each) => outcomeOf(each))]),
  )

  test('as JSON Lines has every record once, in order and as it is listed', async () => {
    const chunks = await exported(org_id, { format: 'jsonl' })
    expect(chunks.length).toBeGreaterThan(2)
    const records = lines(chunks.join(''))
    expect(records.map(({ time, id }) => `${String(time)} ${String(id)}`)).toEqual(wanted)
    const pages = await walk(
      on.gateway,
      await listAudits(on.gateway, { limit: 200 }, org_id),
      'next_cursor',
      { limit: 200 },
      org_id,
    )
    expect(records).toEqual(shownOf(pages))
  })

  test('as CSV has one header and every field, whatever its text holds', async () => {
    const [header, ...rows] = readCsv((await exported(org_id, { format: 'csv' })).join(''))
    expect(header).toEqual(Object.keys(AuditRecord.shape))
    expect(rows.every((row) => row.length === header!.length)).toBe(true)
    const at = (name: string) => header!.indexOf(name)
    expect(rows.map((row) => `${row[at('time')]} ${row[at('id')]}`)).toEqual(wanted)
    const reasons = new Set(rows.map((row) => row[at('reason')]))
    const escaped = ["'=1+1", "'@cmd", "'-2", "'\t=x", 'half \ufffd pair']
    expect(reasons).toEqual(new Set([...TEXTS.slice(0, 3), ...escaped]))
    const args = rows.map((row) => (JSON.parse(row[at('arguments')]!) as { text: string }).text)
    expect(new Set(args)).toEqual(new Set(TEXTS))
    expect(rows.filter((row) => row[at('outcome')] === 'ok')).toHaveLength(2_250)
  })

  test('as OCSF has an event for each record', async () => {
    const events = lines((await exported(org_id, { format: 'ocsf' })).join(''))
    expect(events).toHaveLength(4_500)
    expect(new Set(events.map((each) => each.class_uid))).toEqual(new Set([6003]))
    expect(new Set(events.map((each) => (each.metadata as { uid: string }).uid)).size).toBe(4_500)
  })

  test('follows the filters, and has no other organisation’s', async () => {
    const denied = lines((await exported(org_id, { format: 'jsonl', decision: 'deny' })).join(''))
    expect(denied).toHaveLength(1_500)
    expect(await exported(OTHER_ORG, { format: 'jsonl' })).toEqual([''])
    expect(readCsv((await exported(OTHER_ORG, { format: 'csv' })).join(''))).toHaveLength(1)
    await expect(on.gateway.call(ingest.rpc.exportAudits, {})).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
    const bad = on.gateway.call(ingest.rpc.exportAudits, { cursor: 'x' }, personOf(org_id))
    await expect(bad).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('of large records comes in pieces that fit into a message, in every format', async () => {
    const org = randomUUID()
    const text = '"\\'.repeat(60_000)
    const events = Array.from({ length: 40 }, () =>
      makeEvent({ org_id: org, arguments: { text }, facts: null }),
    )
    await store(events)
    for (const format of ['csv', 'jsonl', 'ocsf'] as const) {
      const chunks = await exported(org, { format })
      expect(chunks.length).toBeGreaterThan(1)
      for (const chunk of chunks) expect(JSON.stringify(chunk).length).toBeLessThan(8 << 20)
      if (format !== 'csv') expect(lines(chunks.join(''))).toHaveLength(40)
    }
  })
})
