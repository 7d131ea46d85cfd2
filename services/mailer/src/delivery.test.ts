import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { StreamMessage } from '@mcpshield/bus/stream'
import type { MailJob } from '@mcpshield/contracts/mailer'
import { mailDelivery, type DeliveryDependencies } from './delivery.ts'
import { SendFailure, type FailureKind } from './failures.ts'
import { MAX_TRIES, pauseOfServer } from './retries.ts'
import type { MailRecord, Mails } from './store.ts'

const HOUR_MS = 3_600_000
let nowMs: number
beforeEach(() => {
  nowMs = Date.UTC(2026, 0, 1)
})
afterEach(() => void vi.useRealTimers())

/** One mail's row, in memory. */
function oneMail(): Mails & { record?: MailRecord } {
  let claimed = ''
  const mails: Mails & { record?: MailRecord } = {
    read: async () => mails.record && { ...mails.record },
    async claim(_key, { claim, sequence }) {
      const created = mails.record ?? { createdMs: nowMs, tries: 0 }
      mails.record = { failure: null, ...created, state: 'sending', sequence, changedMs: nowMs }
      claimed = claim
      return true
    },
    markSent: async (_key, claim) => set(claim, { state: 'sent' }),
    release: async (_key, claim, failure, counts) =>
      set(claim, { state: 'waiting', failure, tries: mails.record!.tries + (counts ? 1 : 0) }),
    markDead: async (_key, claim, failure) => set(claim, { state: 'dead', failure }),
    abandon: async () => false,
    skip: async () => undefined,
    sweep: async () => 0,
  }
  function set(claim: string, change: Partial<MailRecord>) {
    if (claim === claimed) Object.assign(mails.record!, change, { changedMs: nowMs })
  }
  return mails
}

type Told = string | [string, number | string]

function scene(attempt: () => FailureKind | 'ok', more: Partial<MailJob> = {}) {
  const told: Told[] = []
  const job = {
    id: randomUUID(),
    to: { email: 'ada@example.org' },
    mail: { template: 'address_in_use' },
    ...more,
  }
  const message: StreamMessage = {
    subject: 'job.mailer.send',
    sequence: 1,
    timeMs: nowMs,
    delivery: 1,
    replayed: false,
    pending: 0,
    bytes: new Uint8Array(),
    json: () => job,
    ack: () => void told.push('ack'),
    working: () => undefined,
    retry: (afterMs) => void told.push(['retry', afterMs]),
    bury: async (reason) => void told.push(['bury', reason]),
  }
  const mails = oneMail()
  const deps: DeliveryDependencies = {
    mails,
    transport: {
      async send() {
        const came = attempt()
        if (came !== 'ok') throw new SendFailure(came, `it is ${came}`)
      },
    },
    findPerson: async () => undefined,
    pause: pauseOfServer(() => nowMs),
    fromAddress: 'noreply@example.org',
    webUrl: 'https://app.example.org',
    sendingAtMostMs: 1_000,
    now: () => new Date(nowMs),
    random: () => 0.5,
    log: { info: () => undefined, error: () => undefined },
  }
  return { told, mails, deliver: () => mailDelivery(deps)(message) }
}

test('“not now” is tried eight times in all, then the mail is dead', async () => {
  const { told, mails, deliver } = scene(() => 'temporary')
  for (let at = 0; at < MAX_TRIES; at++) {
    await deliver()
    nowMs += HOUR_MS
  }
  expect(told.slice(0, -1).map((each) => each[1])).toEqual([
    5_000, 15_000, 45_000, 135_000, 405_000, 900_000, 900_000,
  ])
  expect(told.at(-1)).toEqual(['bury', 'it is temporary (8 tries)'])
  expect(mails.record).toMatchObject({ state: 'dead' })
})

test('a mail server that is away for a day is waited for, without counting; longer, and the mail is dead', async () => {
  const { told, mails, deliver } = scene(() => 'unreachable')
  for (let hour = 0; hour <= 24; hour++) {
    await deliver()
    nowMs += HOUR_MS
  }
  expect(mails.record).toMatchObject({ state: 'waiting', tries: 0 })
  await deliver()
  expect(told.at(-1)).toEqual(['bury', 'the mail server could not be reached for a day (it is unreachable)'])
})

test('while the mail server is away nobody tries', async () => {
  let attempts = 0
  const { told, deliver } = scene(() => (attempts++ === 0 ? 'unreachable' : 'ok'))
  await deliver()
  await deliver()
  expect(attempts).toBe(1)
  nowMs += 1_000
  await deliver()
  expect(attempts).toBe(2)
  expect(told).toEqual([['retry', 2_000], ['retry', 2_000], 'ack'])
})

test('that a mail was sent is written down, however often the database fails meanwhile', async () => {
  vi.useFakeTimers()
  const { told, mails, deliver } = scene(() => 'ok')
  const write = mails.markSent
  let failures = 5
  mails.markSent = async (...given) => {
    if (failures-- > 0) throw new Error('the database is away')
    await write(...given)
  }
  const done = deliver()
  await vi.advanceTimersByTimeAsync(5_000)
  await done
  expect(mails.record).toMatchObject({ state: 'sent' })
  expect(told).toEqual(['ack'])
})

test('a database that is away before the claim lets nothing go out', async () => {
  let attempts = 0
  const { told, mails, deliver } = scene(() => (attempts++, 'ok'))
  mails.read = () => Promise.reject(new Error('the database is away'))
  await deliver()
  mails.read = async () => undefined
  mails.claim = () => Promise.reject(new Error('the database is away'))
  await deliver()
  expect(attempts).toBe(0)
  expect(told.map((each) => each[0])).toEqual(['retry', 'retry'])
})
