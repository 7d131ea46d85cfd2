// A call's own facts in words. Nothing of a policy is ever said here.
import type { Access, UrlFact } from './facts.ts'
import { isUnknown } from './facts.ts'
import type { Kind } from './matching.ts'

const MAX_SHOWN_UNITS = 200

// eslint-disable-next-line no-control-regex -- these are the characters that must not pass
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const PRINTABLE = /^[\x20-\x7e]*$/

/** A name as it may be shown: clipped, on one line, without control or direction characters. */
export function shown(text: string): string {
  if (text.length <= MAX_SHOWN_UNITS && PRINTABLE.test(text)) return text
  const clipped = text.length <= MAX_SHOWN_UNITS ? text : `${text.slice(0, MAX_SHOWN_UNITS)}…`
  return clipped.replace(UNPRINTABLE, '\ufffd')
}

/** `A read of hr.salaries`, `/etc/passwd`, `https://api.example.com:8443`, or why it is not known. */
export function factInWords(kind: Kind, fact: unknown, place: 'start' | 'within'): string {
  if (isUnknown(fact)) {
    return `${place === 'start' ? 'Something' : 'something'} not known (${shown(String(fact.unknown))})`
  }
  if (kind === 'accesses') return accessInWords(fact, place)
  if (kind === 'urls') return urlInWords(fact)
  return typeof fact === 'string' ? shown(fact) : 'the path'
}

function urlInWords(fact: unknown): string {
  const { host, scheme, port } = (fact ?? {}) as Partial<UrlFact>
  if (typeof host !== 'string') return 'the URL'
  const isUsual = (scheme === 'https' && port === 443) || (scheme === 'http' && port === 80)
  return isUsual ? shown(host) : shown(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`)
}

const ACTS: Record<string, [start: string, within: string, preposition: string]> = {
  read: ['A read', 'a read', ' of '],
  write: ['A write', 'a write', ' to '],
  schema: ['A schema change', 'a schema change', ' of '],
  admin: ['An administrative command', 'an administrative command', ' on '],
}
const ACCESS: [string, string, string] = ['An access', 'an access', ' to ']

/**
 * With `member`, the field or function of the access that mattered; with `connection`, where it runs. `place` is where in a
 * sentence it stands.
 */
export function accessInWords(
  fact: unknown,
  place: 'start' | 'within',
  also: { member?: string; connection?: boolean } = {},
): string {
  const { operation, resource, connection } = (fact ?? {}) as Partial<Access>
  const act = (typeof operation === 'string' ? ACTS[operation] : undefined) ?? ACCESS
  const noun = place === 'start' ? act[0] : act[1]
  const using = also.member === undefined ? '' : ` with ${shown(also.member)}`
  const where =
    also.connection === true && typeof connection === 'string'
      ? ` on the connection ${shown(connection)}`
      : ''
  if (resource === null) return `${noun}${using}${where} that touches no stored data`
  return (
    noun + act[2] + (typeof resource === 'string' ? shown(resource) : 'something not known') + using + where
  )
}

/** Why a fact, or an attribute of it, is not known; undefined when all of it is. */
export function whyUnknown(fact: unknown): string | undefined {
  if (isUnknown(fact)) return shown(String(fact.unknown))
  if (typeof fact !== 'object' || fact === null) return undefined
  for (const name in fact) {
    const attribute: unknown = (fact as Record<string, unknown>)[name]
    if (isUnknown(attribute)) return shown(String(attribute.unknown))
  }
  return undefined
}
