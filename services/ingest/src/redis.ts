// Marks of events that have counted, and the counts, in Redis. No answer is UNAVAILABLE: whoever asked asks again.
import { hash } from 'node:crypto'
import { Redis } from 'ioredis'
import { AppError } from '@mcpshield/contracts/errors'
import type { Log } from '@mcpshield/runtime/log'

/** One event to be counted: who it is, in which month, and who says so. */
export type Counting = {
  projectId: string
  /** Its own id, or that of the decision it names. */
  countsAs: string
  month: number
  /** `decided`: our decision, from the stream; `reported`: a report, from the stream; `claimed`: for who reports it. */
  as: 'decided' | 'reported' | 'claimed'
}

/** `counted`: now, or for whoever claims it; `known`: before; `decided`: before, and by a decision of ours. */
export type Counted = 'counted' | 'known' | 'decided'

export type Counts = Disposable & {
  /** Which of a project's ids are marked. */
  marked(projectId: string, ids: string[]): Promise<boolean[]>
  /**
   * Counts an organisation's events, or none where it has no count of a month yet: then `missing` names it.
   * `total` is the month's of the last event, these included.
   */
  count(
    orgId: string,
    events: [Counting, ...Counting[]],
  ): Promise<{ missing: number } | { counted: Counted[]; total: number }>
  /** Takes back events that were counted and cannot be recorded. */
  uncount(orgId: string, events: Counting[]): Promise<void>
  /** Marks ids as reported, without counting. */
  remember(events: Counting[]): Promise<void>
  /** The events are recorded: what is asked of their marks from now on is asked of ClickHouse too. */
  settle(events: Counting[]): Promise<void>
  read(orgId: string, month: number): Promise<number | undefined>
  /** Begins a month's count, unless somebody has. */
  begin(orgId: string, month: number, count: number): Promise<void>
  /** Up to which percentage of the month the organisation has been told. */
  told(orgId: string, month: number): Promise<number>
  setTold(orgId: string, month: number, percent: number): Promise<void>
  forget(orgId: string): Promise<void>
  ping(): Promise<unknown>
}

/** The longest that a message waits in the stream: a mark that ended before would let it count twice. */
const MARK_S = 30 * 86_400
/** A report may be sent again for so long; our decisions are looked up in ClickHouse after theirs. */
export const REPORT_MARK_S = 7 * 86_400
export const DECISION_MARK_S = 3_600
const COUNTS_S = 100 * 86_400
const COMMAND_TIMEOUT_MS = 1_000
/** Commands are answered one after the other: none is to keep the others waiting. */
const EVENTS_AT_ONCE = 1_000

const keys = {
  /** Hash: month → count, and `told:<month>` → percentage. */
  counts: (orgId: string) => `ingest:usage:${orgId}`,
  /** Of the event by a hash: an id means the event of its own project only. */
  mark: ({ projectId, countsAs }: Pick<Counting, 'projectId' | 'countsAs'>) =>
    `i:${hash('sha256', `${projectId}${countsAs}`, 'base64url').slice(0, 22)}`,
}

// A mark's value is month * 4, + 2 of our own decision, + 1 when somebody has claimed the report.
const FLAGS = { decided: 2, reported: 0, claimed: 1 }
const valueOf = ({ month, as }: Counting) => month * 4 + FLAGS[as]
const ANSWERS = ['known', 'counted', 'decided'] as const

// KEYS: counts, marks. ARGV: life of a mark, life of the counts, value of each mark.
// A decision counts in its own month, also when a report of it came first.
const COUNT = `
for i = 2, #KEYS do
  local month = math.floor(ARGV[i + 1] / 4)
  if redis.call('HEXISTS', KEYS[1], month) == 0 then return month end
end
local function move(from, to)
  if from == to then return end
  if redis.call('HEXISTS', KEYS[1], from) == 1 then redis.call('HINCRBY', KEYS[1], from, -1) end
  redis.call('HINCRBY', KEYS[1], to, 1)
end
local answers = {}
for i = 2, #KEYS do
  local mine = tonumber(ARGV[i + 1])
  local month, flags = math.floor(mine / 4), mine % 4
  local known = tonumber(redis.call('GET', KEYS[i]) or '')
  local answer = 0
  if not known then
    redis.call('SET', KEYS[i], mine, 'EX', ARGV[1])
    redis.call('HINCRBY', KEYS[1], month, 1)
    answer = 1
  elseif known % 4 >= 2 then
    answer = 2
  elseif flags == 2 then
    move(math.floor(known / 4), month)
    redis.call('SET', KEYS[i], mine, 'EX', ARGV[1])
    answer = 1
  elseif flags == 1 and known % 4 == 0 then
    redis.call('SET', KEYS[i], known + 1, 'KEEPTTL')
    answer = 1
  elseif flags == 0 and math.floor(known / 4) ~= month then
    move(math.floor(known / 4), month)
    redis.call('SET', KEYS[i], mine + known % 4, 'KEEPTTL')
  end
  answers[i - 1] = answer
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
answers[#KEYS] = tonumber(redis.call('HGET', KEYS[1], math.floor(ARGV[#KEYS + 1] / 4)))
return answers
`

// KEYS: counts, marks.
const UNCOUNT = `
for i = 2, #KEYS do
  local known = redis.call('GETDEL', KEYS[i])
  local month = known and math.floor(known / 4)
  if known and redis.call('HEXISTS', KEYS[1], month) == 1 then redis.call('HINCRBY', KEYS[1], month, -1) end
end
return 0
`

// KEYS: marks. ARGV: life of each.
const SETTLE = `
for i = 1, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[i]) end
return 0
`

type Scripts = {
  countEvents(...parts: (string | number)[]): Promise<number | number[]>
  uncountEvents(...parts: (string | number)[]): Promise<number>
  settleMarks(...parts: (string | number)[]): Promise<number>
}

export function connectCounts(url: string, log: Log): Counts {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    retryStrategy: (tries) => Math.min(tries * 100, 1_000),
    // What many requests ask at the same moment travels together.
    enableAutoPipelining: true,
  })
  redis.on('error', (error: Error) => log.warn({ error: error.message }, 'redis'))
  redis.defineCommand('countEvents', { lua: COUNT })
  redis.defineCommand('uncountEvents', { lua: UNCOUNT })
  redis.defineCommand('settleMarks', { lua: SETTLE })
  const scripts = redis as unknown as Scripts
  return {
    async marked(projectId, ids) {
      if (ids.length === 0) return []
      const marks = ids.map((countsAs) => keys.mark({ projectId, countsAs }))
      return (await asked(() => redis.mget(marks))).map((value) => value !== null)
    },
    count: (orgId, events) => asked(() => countAll(scripts, orgId, events)),
    async uncount(orgId, events) {
      const marks = events.map(keys.mark)
      await asked(() => scripts.uncountEvents(marks.length + 1, keys.counts(orgId), ...marks))
    },
    async remember(events) {
      await asked(() =>
        Promise.all(events.map((each) => redis.set(keys.mark(each), valueOf(each), 'EX', REPORT_MARK_S))),
      )
    },
    async settle(events) {
      for (const some of portions(events)) {
        const lives = some.map((each) => (each.as === 'decided' ? DECISION_MARK_S : REPORT_MARK_S))
        await asked(() => scripts.settleMarks(some.length, ...some.map(keys.mark), ...lives))
      }
    },
    async read(orgId, month) {
      const count = await asked(() => redis.hget(keys.counts(orgId), String(month)))
      return count === null ? undefined : Number(count)
    },
    async begin(orgId, month, count) {
      await asked(() => redis.hsetnx(keys.counts(orgId), String(month), count))
    },
    async told(orgId, month) {
      return Number((await asked(() => redis.hget(keys.counts(orgId), `told:${month}`))) ?? 0)
    },
    async setTold(orgId, month, percent) {
      await asked(() => redis.hset(keys.counts(orgId), `told:${month}`, percent))
    },
    async forget(orgId) {
      await asked(() => redis.del(keys.counts(orgId)))
    },
    ping: () => redis.ping(),
    [Symbol.dispose]: () => redis.disconnect(),
  }
}

async function countAll(scripts: Scripts, orgId: string, events: Counting[]): ReturnType<Counts['count']> {
  const counted: Counted[] = []
  let total = 0
  for (const some of portions(events)) {
    const answer = await scripts.countEvents(
      some.length + 1,
      keys.counts(orgId),
      ...some.map(keys.mark),
      MARK_S,
      COUNTS_S,
      ...some.map(valueOf),
    )
    if (typeof answer === 'number') return { missing: answer }
    total = answer.pop() ?? 0
    for (const each of answer) counted.push(ANSWERS[each]!)
  }
  return { counted, total }
}

function portions<T>(events: T[]): T[][] {
  return Array.from({ length: Math.ceil(events.length / EVENTS_AT_ONCE) }, (_, at) =>
    events.slice(at * EVENTS_AT_ONCE, (at + 1) * EVENTS_AT_ONCE),
  )
}

async function asked<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await command()
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'Events cannot be counted at the moment. Try again.', {
      retry_after_ms: 1_000,
      cause,
    })
  }
}
