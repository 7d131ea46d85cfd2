import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectDb, migrateDb, type Db } from '@mcpshield/db/connect'
import { freshSchema } from '@mcpshield/testkit/schema'
import { database } from '../src/entities.ts'
import { mailsStore, type MailKey, type Mails } from '../src/store.ts'

const stack = new AsyncDisposableStack()
let db: Db
let mails: Mails
let now = new Date('2026-01-01T00:00:00Z')
beforeAll(async () => {
  const schema = stack.use(await freshSchema('mailer'))
  await migrateDb(database(schema.url))
  db = stack.use(await connectDb(database(schema.url)))
  mails = mailsStore(db, () => now)
})
afterAll(() => stack.disposeAsync())

const makeKey = (): MailKey => ({ jobId: randomUUID(), recipient: 'x'.repeat(64) })
const by = (claim: string, replayed = false, sequence = 1) =>
  ({ claim, sequence, replayed, template: 'verify_email' }) as const

test('the migrations make what the entities say, and are harmless when run again', async () => {
  expect((await db.orm.schema.getUpdateSchemaSQL({ wrap: false })).trim()).toBe('')
  expect(await migrateDb(database(db.orm.config.get('clientUrl')))).toEqual([])
})

test('of many who claim at once exactly one is given the mail', async () => {
  const key = makeKey()
  const given = await Promise.all(Array.from({ length: 20 }, () => mails.claim(key, by(randomUUID()))))
  expect(given.filter(Boolean)).toHaveLength(1)
})

test('what was released may be claimed again, what was sent never', async () => {
  const key = makeKey()
  const [first, second] = [randomUUID(), randomUUID()]
  await mails.claim(key, by(first))
  expect(await mails.claim(key, by(second))).toBe(false)
  await mails.release(key, first, '451 later', true)
  expect(await mails.read(key)).toMatchObject({ state: 'waiting', tries: 1, failure: '451 later' })
  expect(await mails.claim(key, by(second))).toBe(true)
  // Whoever has lost the claim changes nothing any more.
  await mails.release(key, first, 'late', true)
  await mails.markDead(key, first, 'late')
  expect(await mails.read(key)).toMatchObject({ state: 'sending', tries: 1 })
  await mails.markSent(key, second)
  expect(await mails.claim(key, by(randomUUID(), true, 9))).toBe(false)
  await mails.skip(key, by(randomUUID(), true, 9), 'expired')
  expect(await mails.read(key)).toMatchObject({ state: 'sent' })
})

test('a dead one is given to a replay only, and begins anew', async () => {
  const key = makeKey()
  const first = randomUUID()
  await mails.claim(key, by(first))
  await mails.release(key, first, 'later', true)
  await mails.claim(key, by(first))
  await mails.markDead(key, first, '550 no')
  expect(await mails.claim(key, by(randomUUID(), false, 2))).toBe(false)
  expect(await mails.claim(key, by(randomUUID(), true, 3))).toBe(true)
  expect(await mails.read(key)).toMatchObject({ state: 'sending', tries: 0, sequence: 3 })
})

test('a claim is given up only when it is old; a sending that ends after that is still known as sent', async () => {
  const key = makeKey()
  const claim = randomUUID()
  await mails.claim(key, by(claim))
  expect(await mails.abandon(key, now.getTime(), 'interrupted')).toBe(false)
  expect(await mails.abandon(key, now.getTime() + 1, 'interrupted')).toBe(true)
  expect(await mails.read(key)).toMatchObject({ state: 'dead', failure: 'interrupted' })
  await mails.markSent(key, claim)
  expect(await mails.read(key)).toMatchObject({ state: 'sent' })
})

test('what is skipped is not sent later', async () => {
  const key = makeKey()
  await mails.skip(key, by(''), 'switched off')
  expect(await mails.claim(key, by(randomUUID()))).toBe(false)
})

test('rows are forgotten after their time, and not before', async () => {
  const [old, recent] = [makeKey(), makeKey()]
  await mails.skip(old, by(''), 'x')
  now = new Date(now.getTime() + 1_000)
  await mails.skip(recent, by(''), 'x')
  expect(await mails.sweep(now.getTime())).toBeGreaterThan(0)
  expect(await mails.read(old)).toBeUndefined()
  expect(await mails.read(recent)).toBeDefined()
})
