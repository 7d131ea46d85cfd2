import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { createLog } from '@mcpshield/runtime/log'
import type { StreamMessage } from '@mcpshield/bus/stream'
import { describe, expect, test } from 'vitest'
import { encode, makeEvent, ORG, PROJECT } from '../test/events.ts'
import { startIntake, type IntakeOptions } from './intake.ts'
import type { Rows } from './rows.ts'

const log = createLog('test', { level: 'silent' })

type Told = { sequence: number; what: 'ack' | 'retry' | 'bury'; detail?: unknown }

/** A message that notes what became of it. */
function message(sequence: number, payload: unknown, told: Told[]): StreamMessage {
  const bytes = encode(payload)
  const tell = (what: Told['what'], detail?: unknown) => void told.push({ sequence, what, detail })
  return {
    subject: `audit.${ORG}.${PROJECT}.allow`,
    sequence,
    timeMs: Date.UTC(2026, 2, 1),
    replayed: false,
    delivery: 1,
    pending: 0,
    bytes,
    json: () => payload,
    ack: () => tell('ack'),
    working: () => undefined,
    retry: (afterMs) => tell('retry', afterMs),
    bury: async (reason) => tell('bury', reason),
  }
}

class Refused extends Error {}

/** Where rows go: each insert does what comes next in `outcomes`, then all succeed. */
function table(outcomes: ('ok' | 'down' | 'half')[] = [], refused: (tool: string) => boolean = () => false) {
  const stored = new Set<string>()
  let down = false
  return {
    stored,
    setDown: (value: boolean) => (down = value),
    insert: async ({ decisions }: Rows) => {
      await sleep(0)
      const next = down ? 'down' : (outcomes.shift() ?? 'ok')
      if (next === 'down') throw new Error('connection refused')
      if (decisions.some(({ tool }) => refused(tool))) throw new Refused('cannot parse')
      for (const { id } of decisions) stored.add(id)
      // Stored, and the answer lost: what a kill in that moment looks like.
      if (next === 'half') throw new Error('connection reset')
    },
  }
}

function intakeInto(insert: IntakeOptions['insert'], more: Partial<IntakeOptions> = {}) {
  return startIntake({
    insert,
    isRefusal: (error) => error instanceof Refused,
    ackWaitMs: 60_000,
    retainUntilMs: (_orgId, receivedMs) => receivedMs + 1,
    counter: { admit: async (rows) => rows, settle: async () => undefined, takeBack: async () => undefined },
    log,
    retryAfterMs: 1,
    limits: { rows: 4, messages: 100, bytes: 1 << 20, ageMs: 1, heldBytes: 1 << 20 },
    ...more,
  })
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 5_000; !holds(); await sleep(1))
    if (Date.now() > end) throw new Error('too long')
}

describe('the intake', () => {
  test('acknowledges every message exactly once and after its rows are stored, whatever fails', async () => {
    const fails = fc.array(fc.constantFrom('ok' as const, 'down' as const, 'half' as const), {
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(
        fails,
        fc.array(fc.nat(5), { minLength: 1, maxLength: 15 }),
        async (outcomes, sizes) => {
          const target = table(outcomes)
          const told: Told[] = []
          const early: number[] = []
          const intake = intakeInto(target.insert)
          for (const [sequence, size] of sizes.entries()) {
            const events = Array.from({ length: size + 1 }, () => makeEvent())
            const each = message(sequence, events, told)
            const ack = each.ack
            each.ack = () => {
              if (!events.every(({ id }) => target.stored.has(id))) early.push(sequence)
              ack()
            }
            await intake.accept(each)
          }
          await until(() => told.length >= sizes.length)
          await intake[Symbol.asyncDispose]()
          expect(early).toEqual([])
          expect(told.map(({ sequence, what }) => `${sequence} ${what}`)).toEqual(
            [...sizes.keys()].map((sequence) => `${sequence} ack`),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  test('buries a message it cannot read, and takes the ones around it', async () => {
    const target = table()
    const told: Told[] = []
    await using intake = intakeInto(target.insert)
    await intake.accept(message(1, [makeEvent()], told))
    await intake.accept(message(2, [{ id: 'no' }], told))
    await intake.accept(message(3, [makeEvent()], told))
    await until(() => told.length === 3)
    expect(told.find(({ sequence }) => sequence === 2)).toMatchObject({
      what: 'bury',
      detail: expect.stringContaining('0.id') as string,
    })
    expect(told.filter(({ what }) => what === 'ack').map(({ sequence }) => sequence)).toEqual([1, 3])
  })

  test('buries the one message whose rows ClickHouse refuses, and stores the rest of its batch', async () => {
    const target = table([], (tool) => tool === 'bad')
    const told: Told[] = []
    await using intake = intakeInto(target.insert, {
      limits: { rows: 3, messages: 100, bytes: 1 << 20, ageMs: 1_000, heldBytes: 1 << 20 },
    })
    await intake.accept(message(1, [makeEvent()], told))
    await intake.accept(message(2, [makeEvent({ tool: 'bad' })], told))
    await intake.accept(message(3, [makeEvent()], told))
    await until(() => told.length === 3)
    expect(told.map(({ sequence, what }) => `${sequence} ${what}`)).toEqual(['1 ack', '2 bury', '3 ack'])
    expect(target.stored.size).toBe(2)
  })

  test('takes a message that is delivered again while it is held as one message', async () => {
    const target = table()
    target.setDown(true)
    const told: Told[] = []
    await using intake = intakeInto(target.insert)
    const event = makeEvent()
    await intake.accept(message(7, [event], told))
    await intake.accept(message(7, [event], told))
    target.setDown(false)
    await until(() => told.length > 0)
    await sleep(20)
    expect(told).toEqual([{ sequence: 7, what: 'ack' }])
  })

  test('holds no more than its limit while ClickHouse is away, and goes on when it is back', async () => {
    const target = table()
    target.setDown(true)
    const told: Told[] = []
    const bytes = encode([makeEvent()]).length
    await using intake = intakeInto(target.insert, {
      limits: { rows: 1, messages: 100, bytes: 1 << 20, ageMs: 1, heldBytes: 2 * bytes },
    })
    let taken = 0
    const feeding = (async () => {
      for (; taken < 5; taken++) await intake.accept(message(taken, [makeEvent()], told))
    })()
    await sleep(30)
    expect(taken).toBeLessThanOrEqual(3)
    expect(told).toEqual([])
    target.setDown(false)
    await feeding
    await until(() => told.length === 5)
    expect(told.every(({ what }) => what === 'ack')).toBe(true)
  })

  test('says of what it holds that it is being worked on', async () => {
    const target = table()
    target.setDown(true)
    const told: Told[] = []
    let working = 0
    await using intake = intakeInto(target.insert, { ackWaitMs: 15 })
    await intake.accept({ ...message(1, [makeEvent()], told), working: () => working++ })
    await until(() => working >= 2)
    target.setDown(false)
    await until(() => told.length === 1)
  })

  test('counts before it stores: what cannot be counted waits, and is neither stored nor acknowledged', async () => {
    const target = table()
    const told: Told[] = []
    const order: string[] = []
    let away = true
    await using intake = intakeInto(
      async (rows) => {
        order.push('insert')
        await target.insert(rows)
      },
      {
        counter: {
          admit: async (rows) => {
            order.push(away ? 'away' : 'admit')
            if (away) throw new Error('Redis does not answer')
            return rows
          },
          settle: async () => void order.push('settle'),
          takeBack: async () => void order.push('take back'),
        },
      },
    )
    await intake.accept(message(1, [makeEvent()], told))
    await until(() => order.length >= 2)
    expect([target.stored.size, told]).toEqual([0, []])
    away = false
    await until(() => told.length === 1)
    expect(order.filter((each) => each !== 'away')).toEqual(['admit', 'insert', 'settle'])
  })

  test('takes back the count of what is refused, stores without what was not admitted, and needs no settling', async () => {
    const target = table([], (tool) => tool === 'bad')
    const told: Told[] = []
    const takenBack: number[] = []
    await using intake = intakeInto(target.insert, {
      counter: {
        admit: async (rows) => ({
          ...rows,
          decisions: rows.decisions.filter(({ tool }) => tool !== 'repeated'),
        }),
        settle: () => Promise.reject(new Error('Redis does not answer')),
        takeBack: async (rows) => void takenBack.push(rows.usage.length),
      },
    })
    await intake.accept(message(1, [makeEvent({ tool: 'bad' })], told))
    await until(() => told.length === 1)
    await intake.accept(message(2, [makeEvent(), makeEvent({ tool: 'repeated' })], told))
    await until(() => told.length === 2)
    expect(told.map(({ what }) => what)).toEqual(['bury', 'ack'])
    expect(takenBack).toEqual([1])
    expect(target.stored.size).toBe(1)
  })

  test('stores what it holds when it is stopped', async () => {
    const target = table()
    const told: Told[] = []
    const intake = intakeInto(target.insert, {
      limits: { rows: 100, messages: 100, bytes: 1 << 20, ageMs: 60_000, heldBytes: 1 << 20 },
    })
    await intake.accept(message(1, [makeEvent()], told))
    await intake[Symbol.asyncDispose]()
    expect(told).toEqual([{ sequence: 1, what: 'ack' }])
  })

  test('gives back what it cannot store when it is stopped, and does not acknowledge it', async () => {
    const target = table()
    target.setDown(true)
    const told: Told[] = []
    const intake = intakeInto(target.insert)
    await intake.accept(message(1, [makeEvent()], told))
    await intake[Symbol.asyncDispose]()
    await intake.accept(message(2, [makeEvent()], told))
    expect(told).toEqual([
      { sequence: 1, what: 'retry', detail: 0 },
      { sequence: 2, what: 'retry', detail: 0 },
    ])
  })
})
