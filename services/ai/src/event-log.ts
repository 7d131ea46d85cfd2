// The events of each use, in Redis, so that any instance can tell them: who writes them, who reads them, and whether either
// of the two is still there. Gone some minutes after the last event.
import type { AiEvent } from '@mcpshield/contracts/ai'
import type { RedisConnection } from './redis.ts'

/** Whose use it is. */
export type Owner = { org_id: string; user_id: string }

export type EventLog = {
  /** To be called before the first event. */
  begin(id: string, owner: Owner): Promise<void>
  owner(id: string): Promise<Owner | undefined>
  append(id: string, event: AiEvent): Promise<void>
  /** Events after a place, in order; each with its own place. */
  after(id: string, place: string): Promise<{ place: string; event: AiEvent }[]>
  /** Says that somebody reads, or that somebody writes. */
  sign(id: string, who: Side): Promise<void>
  isThere(id: string, who: Side): Promise<boolean>
  /** Whether it falls to the caller to end it: once, to whoever asks first. */
  takeEnd(id: string): Promise<boolean>
}

type Side = 'reader' | 'writer'

/** Seconds; a page that is loaded anew finds its events again for so long. */
const KEPT_S = 900
/** How long a side counts as there after its last sign. */
export type Presence = Record<Side, number>
const THERE_MS: Presence = { reader: 20_000, writer: 15_000 }
/** A model that writes without end is cut off before; this bounds what is kept of it. */
const MAX_EVENTS = 20_000
const READ_AT_ONCE = 200

export const FIRST_PLACE = '0-0'

const keys = {
  owner: (id: string) => `ai:use:${id}`,
  events: (id: string) => `ai:use:${id}:events`,
  side: (id: string, who: Side) => `ai:use:${id}:${who}`,
  end: (id: string) => `ai:use:${id}:end`,
}

export function eventLog(redis: RedisConnection, thereMs: Presence = THERE_MS): EventLog {
  return {
    begin: (id, owner) =>
      redis.ask(async (each) => {
        await each.set(keys.owner(id), JSON.stringify(owner), 'EX', KEPT_S)
        await each.set(keys.side(id, 'reader'), '1', 'PX', thereMs.reader)
        await each.set(keys.side(id, 'writer'), '1', 'PX', thereMs.writer)
      }),
    async owner(id) {
      const text = await redis.ask((each) => each.get(keys.owner(id)))
      return text === null ? undefined : (JSON.parse(text) as Owner)
    },
    append: (id, event) =>
      redis.ask(async (each) => {
        await each.xadd(keys.events(id), 'MAXLEN', '~', MAX_EVENTS, '*', 'e', JSON.stringify(event))
        await each.expire(keys.events(id), KEPT_S)
        await each.expire(keys.owner(id), KEPT_S)
      }),
    async after(id, place) {
      const found = await redis.ask((each) =>
        each.xrange(keys.events(id), `(${place}`, '+', 'COUNT', READ_AT_ONCE),
      )
      return found.map(([at, [, json = '']]) => ({ place: at, event: JSON.parse(json) as AiEvent }))
    },
    sign: (id, who) =>
      redis.ask(async (each) => void (await each.set(keys.side(id, who), '1', 'PX', thereMs[who]))),
    isThere: async (id, who) => (await redis.ask((each) => each.exists(keys.side(id, who)))) === 1,
    takeEnd: async (id) =>
      (await redis.ask((each) => each.set(keys.end(id), '1', 'EX', KEPT_S, 'NX'))) === 'OK',
  }
}
