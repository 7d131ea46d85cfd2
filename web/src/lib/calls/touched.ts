// What a call touched, as its record has it: the facts, in parts for the detail and in a line for the list.
import type { AuditRecord } from '@mcpshield/contracts/ingest'
import { isUnknown, type Access, type Facts, type UrlFact, type Unknown } from '@mcpshield/policy/facts'

export type Touched = Pick<Facts, 'paths' | 'urls' | 'accesses' | 'guessed'>

const MAX_LINE_UNITS = 160
const MAX_NAMED = 3

/** `undefined` where the record has no facts: reports, changes by people, records that were too large. */
export function factsOf({ facts }: Pick<AuditRecord, 'facts'>): Touched | undefined {
  if (facts === null || typeof facts !== 'object' || Array.isArray(facts)) return undefined
  const { paths, urls, accesses, guessed } = facts as Partial<Touched>
  if (paths === undefined || urls === undefined || accesses === undefined) return undefined
  return { paths, urls, accesses, ...(guessed === undefined ? {} : { guessed }) }
}

export function touchedInWords(record: Pick<AuditRecord, 'facts' | 'arguments' | 'kind' | 'reason'>): string {
  if (record.kind === 'admin') return shorten(record.reason)
  const facts = factsOf(record)
  const named = facts === undefined ? [] : namesOf(facts)
  if (named.length > 0) {
    const more = named.length - MAX_NAMED
    return shorten(named.slice(0, MAX_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : ''))
  }
  const { arguments: args } = record
  const isEmpty = args === null || (typeof args === 'object' && Object.keys(args).length === 0)
  return isEmpty ? '' : shorten(JSON.stringify(args))
}

function namesOf({ accesses, paths, urls }: Touched): string[] {
  return [
    ...named(accesses, accessInWords),
    ...named(paths, (path) => path),
    ...named(urls, ({ host }) => host),
  ]
}

function named<Fact>(facts: (Fact | Unknown)[] | Unknown, name: (fact: Fact) => string): string[] {
  if (!Array.isArray(facts)) return ['something unknown']
  return [...new Set(facts.map((fact) => (isUnknown(fact) ? 'something unknown' : name(fact as Fact))))]
}

export function accessInWords({ operation, resource }: Access): string {
  if (isUnknown(operation))
    return isUnknown(resource) ? 'something unknown' : `unknown use of ${resource ?? 'nothing stored'}`
  return `${operation} ${isUnknown(resource) ? 'something unknown' : (resource ?? 'nothing stored')}`
}

export const orUnknown = (value: string | Unknown): string => (isUnknown(value) ? 'unknown' : value)

export type { Access, UrlFact }

function shorten(text: string): string {
  return text.length <= MAX_LINE_UNITS ? text : `${text.slice(0, MAX_LINE_UNITS - 1).toWellFormed()}…`
}
