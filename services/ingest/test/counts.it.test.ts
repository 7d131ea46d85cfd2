import { randomUUID } from 'node:crypto'
import { createLog } from '@mcpshield/runtime/log'
import { freshRedis } from '@mcpshield/testkit/fresh'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connectCounts, type Counting, type Counts } from '../src/redis.ts'

const stack = new AsyncDisposableStack()
let counts: Counts
let redis: Redis
const log = createLog('test', { level: 'silent' })
beforeAll(async () => {
  const { url } = stack.use(await freshRedis())
  counts = stack.use(connectCounts(url, log))
  redis = new Redis(url)
  stack.defer(() => redis.disconnect())
})
afterAll(() => stack.disposeAsync())

const projectId = randomUUID()
const [march, april] = [314, 315]
let org: string
let event: string
beforeEach(async () => {
  ;[org, event] = [randomUUID(), randomUUID()]
  await counts.begin(org, march, 0)
  await counts.begin(org, april, 0)
})

const make = (as: Counting['as'], month = march, countsAs = event): Counting => ({
  projectId,
  countsAs,
  month,
  as,
})
async function count(...events: [Counting, ...Counting[]]) {
  const answer = await counts.count(org, events)
  if ('missing' in answer) throw new Error('no count')
  return answer
}
const totals = async () => [await counts.read(org, march), await counts.read(org, april)]

test('an event counts once, however often and by whomever it is counted', async () => {
  expect(await count(make('claimed'))).toEqual({ counted: ['counted'], total: 1 })
  expect(await count(make('claimed'))).toEqual({ counted: ['known'], total: 1 })
  expect((await count(make('reported'))).counted).toEqual(['known'])
  expect((await count(make('reported'))).total).toBe(1)
  const others = Array.from({ length: 2_500 }, () => make('decided', march, randomUUID()))
  expect((await count(make('reported'), ...others)).total).toBe(2_501)
  expect((await count(make('reported'), ...others)).total).toBe(2_501)
})

test('who reports an event that the intake saw first is told that it was accepted, once', async () => {
  expect((await count(make('reported'))).counted).toEqual(['counted'])
  expect(await count(make('claimed'))).toEqual({ counted: ['counted'], total: 1 })
  expect(await count(make('claimed'))).toEqual({ counted: ['known'], total: 1 })
})

test('a decision counts in its own month, also when a report of it came first in another', async () => {
  await count(make('claimed', april))
  expect(await totals()).toEqual([0, 1])
  await count(make('decided', march))
  expect(await totals()).toEqual([1, 0])
  await count(make('decided', march))
  expect((await count(make('claimed', april))).counted).toEqual(['decided'])
  expect((await count(make('reported', april))).counted).toEqual(['decided'])
  expect(await totals()).toEqual([1, 0])
})

test('a report counts in the month that the stream says', async () => {
  await count(make('claimed', march))
  await count(make('reported', april))
  expect(await totals()).toEqual([0, 1])
  expect((await count(make('claimed', april))).counted).toEqual(['known'])
})

test('nothing is counted, and nothing marked, where a month has no count', async () => {
  const answer = await counts.count(org, [make('claimed'), make('claimed', 316, randomUUID())])
  expect(answer).toEqual({ missing: 316 })
  expect(await totals()).toEqual([0, 0])
  expect(await counts.marked(projectId, [event])).toEqual([false])
  await counts.begin(org, march, 99)
  expect(await counts.read(org, march)).toBe(0)
})

test('the same id in another project is another event', async () => {
  await count(make('claimed'))
  expect((await count({ ...make('claimed'), projectId: randomUUID() })).counted).toEqual(['counted'])
})

test('what is taken back can be counted again', async () => {
  await count(make('decided'))
  await counts.uncount(org, [make('decided')])
  await counts.uncount(org, [make('decided')])
  expect(await totals()).toEqual([0, 0])
  expect((await count(make('decided'))).total).toBe(1)
})

test('marks last while a message may come again, and end once it is stored', async () => {
  const other = randomUUID()
  await count(make('decided'), make('reported', march, other))
  const lives = async () => {
    const marks = await redis.keys('i:*')
    return (await Promise.all(marks.map((key) => redis.ttl(key)))).every((seconds) => seconds > 29 * 86_400)
  }
  await redis.del(...(await redis.keys('i:*')))
  await count(make('decided', march, randomUUID()))
  expect(await lives()).toBe(true)
  const stored = [make('decided', march, event), make('reported', march, other)]
  await count(stored[0]!, stored[1]!)
  await counts.settle(stored)
  const left = await Promise.all((await redis.keys('i:*')).map((key) => redis.ttl(key)))
  expect(
    left
      .toSorted((a, b) => a - b)
      .slice(0, 2)
      .map((seconds) => Math.round(seconds / 3_600)),
  ).toEqual([1, 168])
})

test('no answer is UNAVAILABLE with a time to come back', async () => {
  using away = connectCounts('redis://127.0.0.1:9', log)
  await expect(away.marked(projectId, [event])).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    details: { retry_after_ms: expect.any(Number) as number },
  })
})
