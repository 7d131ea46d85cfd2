// Decisions on their way to the server, piece by piece.
import { appendFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ReportedEvent } from '@mcpshield/contracts/ingest'
import { eventFile } from '../src/wrap/event-file.ts'
import { eventSender } from '../src/wrap/event-sender.ts'
import type { RecordedCall } from '../src/wrap/records.ts'
import { reportedEvent } from '../src/wrap/reported-event.ts'
import { folder } from './command.ts'

const call: RecordedCall = {
  id: '01932b8e-5a70-7c41-9d52-3f2a1b0c9d8e',
  time: '2026-01-01T00:00:00.000Z',
  method: 'tools/call',
  tool: 'box/echo',
  arguments: { text: 'hi' },
  facts: null,
  decision: {
    decision: 'allow',
    rule: 'any',
    reason: 'Allowed.',
    obligations: { rate_limits: [], redact: [] },
  },
  agent: null,
  approved: false,
  policyVersion: 3,
}
const event = (id: number) =>
  reportedEvent({ ...call, id: `01932b8e-5a70-7c41-9d52-${String(id).padStart(12, '0')}` }, 'box')

describe('an event', () => {
  test('is one that the server takes, however large the call was', () => {
    const huge = 'x'.repeat(100_000)
    const calls: RecordedCall[] = [
      call,
      { ...call, arguments: { huge } },
      { ...call, tool: `box/${huge}`, method: huge, agent: huge },
      { ...call, decision: { ...call.decision, rule: huge, reason: huge } },
    ]
    for (const each of calls) {
      const reported = reportedEvent(each, 'box')
      expect(ReportedEvent.safeParse(reported).error).toBeUndefined()
      expect(JSON.stringify(reported.metadata).length).toBeLessThan(65_536)
    }
    expect(reportedEvent(calls[1] ?? call, 'box').metadata).toMatchObject({
      arguments: null,
      arguments_left_out: true,
    })
  })
})

describe('the file of events', () => {
  test('gives them in order with what came of them, until they are acknowledged', () => {
    using files = folder()
    using file = eventFile(files.path('events'))
    for (const id of [1, 2, 3]) file.append({ event: event(id) })
    file.append({ event_id: event(1).event_id, outcome: 'ok' })
    const waits = ({ event_id }: { event_id: string }) => event_id === event(2).event_id
    const first = file.next(waits)
    expect(first?.events).toMatchObject([{ event_id: event(1).event_id, metadata: { outcome: 'ok' } }])
    file.acknowledge(first?.end ?? 0)
    expect(file.next(waits)).toBeUndefined()
    const rest = file.next(() => false)
    expect(rest?.events.map(({ event_id }) => event_id)).toEqual([2, 3].map((id) => event(id).event_id))
    file.acknowledge(rest?.end ?? 0)
    expect(file.isEmpty()).toBe(true)
    file.append({ event: event(4) })
    expect(file.next(() => false)?.events).toHaveLength(1)
  })

  test('passes over what a crash has left of a line', () => {
    using files = folder()
    appendFileSync(files.path('events'), `no JSON\n${JSON.stringify({ event: event(1) })}\n{"event":{"even`)
    using file = eventFile(files.path('events'))
    const next = file.next(() => false)
    expect(next?.events).toHaveLength(1)
    file.acknowledge(next?.end ?? 0)
    const last = file.next(() => false)
    expect(last?.events).toEqual([])
    file.acknowledge(last?.end ?? 0)
    expect(file.isEmpty()).toBe(true)
  })

  test('that is full says so', () => {
    using file = eventFile('/dev/full')
    expect(() => file.append({ event: event(1) })).toThrow()
  })
})

describe('sending', () => {
  /** An API that answers by what it is sent. */
  const sending = (answer: (ids: string[]) => number) => {
    const told: string[] = []
    const batches: number[] = []
    const api = {
      address: '',
      request: (_method: string, _path: string, body: object | undefined) => {
        const ids = (body as { events: { event_id: string }[] }).events.map(({ event_id }) => event_id)
        batches.push(ids.length)
        return Promise.resolve({ status: answer(ids), body: { detail: 'because' } })
      },
    }
    return { told, batches, sender: eventSender(api, (message) => told.push(message)) }
  }
  const events = [1, 2, 3, 4].map(event)

  test.for([401, 402, 403, 404, 429, 500, 503])(
    'what is refused with %i is to be sent again',
    async (status) => {
      const { sender, told, batches } = sending(() => status)
      expect(await sender.send(events)).toEqual({ delivered: false, unusable: [] })
      await sender.send(events)
      expect(batches).toEqual([4, 4])
      expect(told).toEqual([expect.stringContaining(`(${status}): because`)])
    },
  )

  test.for([400, 413, 422])('what is refused with %i is taken apart', async (status) => {
    const { sender } = sending((ids) => (ids.includes(event(3).event_id) ? status : 202))
    expect(await sender.send(events)).toEqual({ delivered: true, unusable: [event(3)] })
    const whole = sending((ids) => (ids.length > 1 ? status : 202))
    expect(await whole.sender.send(events)).toEqual({ delivered: true, unusable: [] })
  })
})
