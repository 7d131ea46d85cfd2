// Pure: the trace context that a caller sends (W3C Trace Context, Baggage). What is not exactly of that form is as if it
// had not been sent: it fails no call, and goes no further.

export type TraceContext = { traceId: string; spanId: string; isSampled: boolean }

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
const MAX_TRACEPARENT_UNITS = 128

/** Undefined when it is none. */
export function readTraceparent(given: unknown): TraceContext | undefined {
  if (typeof given !== 'string' || given.length > MAX_TRACEPARENT_UNITS) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(given) ?? []
  // Version ff is forbidden, 00 has nothing behind its flags, and later ones may.
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export function writeTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
}

const MAX_STATE_UNITS = 512
const MAX_STATE_MEMBERS = 32
const STATE_KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

export function isTracestate(given: unknown): given is string {
  if (typeof given !== 'string' || given.length > MAX_STATE_UNITS) return false
  const members = given.split(',').map(withoutBlanks)
  if (members.length > MAX_STATE_MEMBERS) return false
  return members.every((member) => {
    if (member === '') return true
    const at = member.indexOf('=')
    return at > 0 && STATE_KEY.test(member.slice(0, at)) && STATE_VALUE.test(member.slice(at + 1))
  })
}

/** Ends of lines are no blanks: they would end a header. */
const withoutBlanks = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, '')

const MAX_BAGGAGE_UNITS = 8_192
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const BAGGAGE_OCTETS = '[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]*'
const PROPERTY = new RegExp(`^${TOKEN}(?:[ \\t]*=[ \\t]*${BAGGAGE_OCTETS})?$`)
const MEMBER = new RegExp(`^${TOKEN}[ \\t]*=[ \\t]*${BAGGAGE_OCTETS}$`)

export function isBaggage(given: unknown): given is string {
  if (typeof given !== 'string' || given.length > MAX_BAGGAGE_UNITS) return false
  return given.split(',').every((member) => {
    const [pair = '', ...properties] = member.split(';').map(withoutBlanks)
    return MEMBER.test(pair) && properties.every((each) => PROPERTY.test(each))
  })
}

/** Members of `_meta` that carry a trace, as the protocol names them. */
const IN_META = ['traceparent', 'tracestate', 'baggage'] as const

/** `_meta` without those of its trace's members that are not of their form; itself when all are. */
export function withValidTrace<M extends Readonly<Record<string, unknown>>>(meta: M): M {
  if (IN_META.every((name) => !Object.hasOwn(meta, name))) return meta
  const isTraced = readTraceparent(meta['traceparent']) !== undefined
  const isWrong = (name: string) => {
    if (name === 'traceparent') return !isTraced
    // A state belongs to the parent that it came with.
    if (name === 'tracestate') return !isTraced || !isTracestate(meta[name])
    return name === 'baggage' && !isBaggage(meta[name])
  }
  const members = Object.entries(meta)
  return members.some(([name]) => isWrong(name))
    ? (Object.fromEntries(members.filter(([name]) => !isWrong(name))) as M)
    : meta
}
