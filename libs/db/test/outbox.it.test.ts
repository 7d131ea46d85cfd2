import { setTimeout as sleep } from 'node:timers/promises'
import { Migration } from '@mikro-orm/migrations'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { freshSchema } from '@mcpshield/testkit/schema'
import { connectDb, migrateDb, type Db } from '../src/connect.ts'
import { enqueue, OUTBOX_SQL, OutboxRow, relayOutbox, type Deliverers } from '../src/outbox.ts'

class Outbox extends Migration {
  override up(): void {
    this.addSql(OUTBOX_SQL)
  }
}

const stack = new AsyncDisposableStack()
let db: Db

beforeAll(async () => {
  const schema = stack.use(await freshSchema('things'))
  const options = {
    url: schema.url,
    schema: 'things',
    entities: [OutboxRow],
    migrations: [{ name: '1', class: Outbox }],
  }
  await migrateDb(options)
  db = stack.use(await connectDb(options))
})
afterAll(() => stack.disposeAsync())

const put = (topic: string, rows: [key: string, payload: number][]) =>
  db.fork().transactional(async (em) => {
    for (const [key, payload] of rows) {
      enqueue(em, topic, key, payload)
      await em.flush()
    }
  })
const relaying = (deliverers: Deliverers) => relayOutbox(db, 'things', deliverers, { error: () => undefined })
const count = (topic: string) => db.fork().count(OutboxRow, { topic })
const within = { timeout: 10_000, interval: 20 }

test('rows of one key that cannot be delivered, however many, do not hold up those of others', async () => {
  const sick = Array.from({ length: 450 }, (_, each): [string, number] => ['sick', each])
  await put('poisoned', [...sick, ['well', 1], ['well', 2]])
  const got: unknown[] = []
  let cured = false
  await using _relay = relaying({
    poisoned: async ({ key, payload }) => {
      if (key === 'sick' && !cured) throw new Error('larger than a message may be')
      got.push(payload)
    },
  })
  await expect.poll(() => got, within).toEqual([1, 2])
  expect(await count('poisoned')).toBe(450)
  cured = true
  await expect.poll(() => count('poisoned'), within).toBe(0)
  expect(got.slice(2)).toEqual(sick.map(([, payload]) => payload))
})

test('a row that cannot be delivered holds up the later ones of its key', async () => {
  await put('ordered', [
    ['a', 1],
    ['a', 2],
    ['b', 3],
  ])
  const tried: unknown[] = []
  await using _relay = relaying({
    ordered: async ({ payload }) => {
      tried.push(payload)
      if (payload === 1 && tried.length < 3) throw new Error('not yet')
    },
  })
  await expect.poll(() => count('ordered'), within).toBe(0)
  expect(tried).toEqual([1, 3, 1, 2])
})

test('while it cannot be reached where rows go, they all wait, and go out in order', async () => {
  await put('away', [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ])
  const tried: unknown[] = []
  let away = true
  await using relay = relaying({
    away: async ({ payload }) => {
      tried.push(payload)
      if (away) throw new AppError('UNAVAILABLE', 'The message bus is not reachable.')
    },
  })
  await expect.poll(() => tried.length, within).toBeGreaterThan(1)
  expect(new Set(tried)).toEqual(new Set([1]))
  away = false
  const before = tried.length
  relay.wake()
  await expect.poll(() => count('away'), within).toBe(0)
  expect(tried.slice(before).filter((each) => each !== 1)).toEqual([2, 3])
})

test('rows of different topics do not wait for each other', async () => {
  await put('stuck', [['a', 1]])
  await put('free', [['a', 2]])
  await using _relay = relaying({
    stuck: () => sleep(1_500),
    free: async () => undefined,
  })
  await expect.poll(() => count('free'), { timeout: 1_000, interval: 20 }).toBe(0)
  expect(await count('stuck')).toBe(1)
})
