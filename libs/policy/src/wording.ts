// A call's own facts in words. Nothing of a policy is ever said here.
import type { Access, UrlFact } from './facts.ts'
import { isUnknown } from './facts.ts'
import type { Kind } from './matching.ts'

const MAX_SHOWN_UNITS = 200

// eslint-disable-next-line no-control-regex -- these are the characters that must not pass
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** A name as it may be shown: clipped, on one line, without control or direction characters. */
export function shown(text: string): string {
  const plain = text.replace(UNPRINTABLE, '\ufffd')
  return plain.length <= MAX_SHOWN_UNITS ? plain : `${plain.slice(0, MAX_SHOWN_UNITS)}…`
}

/** `a read of hr.salaries`, `/etc/passwd`, `api.example.com:8443`, or why it is not known. */
export function factInWords(kind: Kind, fact: unknown): string {
  if (isUnknown(fact)) return `something not known (${shown(String(fact.unknown))})`
  if (kind === 'paths') return typeof fact === 'string' ? shown(fact) : 'a path that is not known'
  return kind === 'urls' ? urlInWords(fact) : accessInWords(fact)
}

function urlInWords(fact: unknown): string {
  const { host, scheme, port } = (fact ?? {}) as Partial<UrlFact>
  if (typeof host !== 'string') return 'a URL that is not known'
  const isUsual = (scheme === 'https' && port === 443) || (scheme === 'http' && port === 80)
  return isUsual ? shown(host) : shown(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`)
}

const ACTS: Record<string, [noun: string, preposition: string]> = {
  read: ['a read', 'of'],
  write: ['a write', 'to'],
  schema: ['a schema change', 'of'],
  admin: ['an administrative command', 'on'],
}

/** With `member`, the field or function of the access that mattered. */
export function accessInWords(fact: unknown, member?: string): string {
  const { operation, resource } = (fact ?? {}) as Partial<Access>
  const [noun, preposition] = ACTS[typeof operation === 'string' ? operation : ''] ?? ['an access', 'to']
  const using = member === undefined ? '' : ` with ${shown(member)}`
  if (resource === null) return `${noun}${using} that touches no stored data`
  return `${noun} ${preposition} ${typeof resource === 'string' ? shown(resource) : 'something not known'}${using}`
}

/** Why a fact, or an attribute of it, is not known; undefined when all of it is. */
export function whyUnknown(fact: unknown): string | undefined {
  if (isUnknown(fact)) return shown(String(fact.unknown))
  if (typeof fact !== 'object' || fact === null) return undefined
  const attribute = Object.values(fact).find(isUnknown)
  return attribute === undefined ? undefined : shown(String(attribute.unknown))
}

export function sentence(text: string): string {
  const first = text.codePointAt(0)
  // Paths, hosts and tools keep their spelling; only our own words begin with a capital.
  const start =
    /^(an?|something|the|what) /.test(text) && first !== undefined
      ? text[0]?.toUpperCase() + text.slice(1)
      : text
  return `${start}.`
}
