// A reply of Redis as JSON: texts as texts, integers beyond 2^53 as text, other bytes as base64, pairs as objects;
// cut at the caps; and, where a policy redacts by field, told under the key that it came from.
import { isUtf8 } from 'node:buffer'
import { AppError } from '@mcpshield/contracts/errors'
import { WITHHELD } from '@mcpshield/redact/marker'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Answer, Grant } from './connector.ts'
import type { Reply } from './redis-connection.ts'

/** What was asked: the command's name as the server has it, all of its words, and the keys that the server finds. */
export type Asked = { name: string; argv: readonly string[]; keys: string[] }

export function answerOf(asked: Asked, reply: Reply, grant: Grant): Answer {
  const toJson = (part: Reply): JsonValue => jsonOf(part, grant.redacts)
  const limited = cutRows(asked, reply, grant.maxRows)
  const shaped = shape(asked, limited.reply, toJson)
  const { value, cut } = cutBytes(shaped, grant.maxBytes)
  const isList = Array.isArray(value)
  const isObject = typeof value === 'object' && value !== null && !isList
  const rows = isList ? value.length : isObject ? Object.keys(value).length : null
  const about = rows === null ? {} : { count: rows }
  const told = { about, rows, cut: cut || limited.cut }
  if (!grant.needsSources) return { data: isList ? { values: value } : { value }, ...told }
  return { ...fromKeys(asked, limited.reply, value), ...told }
}

function jsonOf(reply: Reply, redacts: boolean): JsonValue {
  if (reply === null) return null
  if (Array.isArray(reply)) return reply.map((each) => jsonOf(each, redacts))
  if (typeof reply === 'string') return integerOrText(reply)
  if (isUtf8(reply)) return reply.toString('utf8')
  // Nobody can look for secrets in what is no text.
  return redacts ? WITHHELD : `base64:${reply.toString('base64')}`
}

function integerOrText(text: string): JsonValue {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : text
}

/** Replies that are names and values by turns. */
function isPairs({ name, argv }: Asked): boolean {
  const withValues = name === 'hrandfield' && argv.some((each) => /^withvalues$/i.test(each))
  return withValues || ['hgetall', 'config|get', 'xinfo|stream', 'xinfo|consumers'].includes(name)
}

const SCANS = new Set(['scan', 'sscan', 'hscan', 'zscan'])

/** Cuts a list at a number of members; of a scan it is the list beside the cursor, of streams the entries of each. */
function cutRows({ name, argv, keys }: Asked, reply: Reply, maxRows: number): { reply: Reply; cut: boolean } {
  if (!Array.isArray(reply)) return { reply, cut: false }
  let cut = false
  const first = (list: Reply, count: number): Reply => {
    if (!Array.isArray(list) || list.length <= count) return list
    cut = true
    return list.slice(0, count)
  }
  const perMember = isPairs({ name, argv, keys }) || name === 'hscan' || name === 'zscan' ? 2 : 1
  if (SCANS.has(name)) {
    return { reply: reply.map((part) => first(part, maxRows * perMember)), cut }
  }
  if (name === 'xread' || name === 'xreadgroup') {
    let left = maxRows
    const streams = reply.map((stream) => {
      const [key = null, entries = null] = stream as Reply[]
      const kept = first(entries, left)
      left -= Array.isArray(kept) ? kept.length : 0
      return [key, kept]
    })
    return { reply: streams, cut }
  }
  return { reply: first(reply, maxRows * perMember), cut }
}

function shape(asked: Asked, reply: Reply, toJson: (part: Reply) => JsonValue): JsonValue {
  if (!Array.isArray(reply)) return toJson(reply)
  if (isPairs(asked)) return pairsOf(reply, toJson)
  return reply.map(toJson)
}

function pairsOf(reply: Reply[], toJson: (part: Reply) => JsonValue): JsonObject {
  const pairs: [string, JsonValue][] = []
  for (let at = 0; at + 1 < reply.length; at += 2) {
    const name = toJson(reply[at] ?? null)
    pairs.push([typeof name === 'string' ? name : JSON.stringify(name), toJson(reply[at + 1] ?? null)])
  }
  return Object.fromEntries(pairs)
}

/** Leaves out the members of a list that do not fit. A single value is whole or not at all: half a secret is none to a detector. */
function cutBytes(value: JsonValue, maxBytes: number): { value: JsonValue; cut: boolean } {
  let bytes = 0
  const fits = (member: JsonValue, name = '') => {
    bytes += Buffer.byteLength(JSON.stringify(member)) + name.length
    return bytes <= maxBytes
  }
  if (typeof value !== 'object' || value === null) {
    if (fits(value)) return { value, cut: false }
    throw new AppError(
      'INVALID_ARGUMENT',
      `The value has more than the ${maxBytes} bytes that may be read; read a part of it.`,
    )
  }
  if (Array.isArray(value)) {
    const end = value.findIndex((member) => !fits(member))
    return end < 0 ? { value, cut: false } : { value: value.slice(0, end), cut: true }
  }
  const members = Object.entries(value)
  const end = members.findIndex(([name, member]) => !fits(member, name))
  return end < 0 ? { value, cut: false } : { value: Object.fromEntries(members.slice(0, end)), cut: true }
}

/** Replies made of whole values of the keys. */
const WHOLE = new Set([
  ...[
    'get',
    'mget',
    'getdel',
    'getex',
    'getset',
    'set',
    'lrange',
    'lindex',
    'lpop',
    'rpop',
    'lmove',
    'rpoplpush',
  ],
  ...['smembers', 'spop', 'srandmember', 'sscan', 'sunion', 'sinter', 'sdiff', 'sort', 'sort_ro'],
  ...['zrange', 'zrangebyscore', 'zrangebylex', 'zrevrange', 'zrevrangebyscore', 'zrevrangebylex', 'zscan'],
  ...['zpopmin', 'zpopmax', 'zrandmember', 'zunion', 'zinter', 'zdiff', 'zscore', 'zmscore', 'type', 'hkeys'],
  ...['object|encoding'],
])
/** Integers that show a part of a value, or a field's value, or compare a value with one that is given. */
const PARTS = new Set([
  ...['hincrby', 'getbit', 'setbit', 'bitpos', 'bitfield', 'bitfield_ro'],
  ...['lcs', 'zlexcount'],
])
/** Replies that hold nothing stored. */
const NOT_STORED = new Set([
  'ping',
  'echo',
  'time',
  'lastsave',
  'dbsize',
  'command|count',
  'client|id',
  'acl|whoami',
])

/**
 * The reply as an object with its sources: rules about fields then see `key.field`. A value that is only a part of
 * what is stored, or of which it cannot be told where it belongs, has an unknown source.
 */
function fromKeys(asked: Asked, reply: Reply, value: JsonValue): Pick<Answer, 'data' | 'sources'> {
  const { name, argv, keys } = asked
  const [key] = keys
  const as = (object: JsonObject, sources: NonNullable<Answer['sources']>) => ({
    data: { value: object },
    sources,
  })
  const named = (entries: [string, JsonValue][]) =>
    as(Object.fromEntries(entries), Object.fromEntries(entries.map(([each]) => [each, [[each]]])))
  if (NOT_STORED.has(name)) return { data: { value } }
  if (key === undefined || keys.length === 0) return as({ reply: value }, { reply: 'unknown' })
  if (isPairs(asked) && name.startsWith('h')) return named([[key, value]])
  if (name === 'hget' || name === 'hmget') {
    const fields = argv.slice(2)
    const values = Array.isArray(value) ? value : [value]
    return named([[key, Object.fromEntries(values.map((each, at) => [fields[at] ?? '', each]))]])
  }
  if (name === 'mget' && Array.isArray(value)) {
    return named(value.map((each, at) => [keys[at] ?? '', each]))
  }
  // A script or a module may answer anything.
  const isOwn = !/^(eval|fcall)|\./.test(name)
  // Of a range, a count of bits is a part of the value.
  const isPart = PARTS.has(name) || (name === 'bitcount' && argv.length > 2)
  const isCount = typeof reply === 'string' && isOwn && !isPart
  const isStatus = Buffer.isBuffer(reply) && reply.toString('latin1') === 'OK'
  if (!WHOLE.has(name) && !isCount && !isStatus) return as({ reply: value }, { reply: 'unknown' })
  return as({ [key]: value }, Object.fromEntries([[key, keys.map((each) => [each])]]))
}
