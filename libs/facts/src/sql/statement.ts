import type { Access, Operation, Unknown } from '@mcpshield/policy/facts'

/** An access before it is known on which connection it runs. */
export type StatementAccess = Omit<Access, 'connection'>

/** What a text of SQL (or a command) does. The shape that `mcpshield inspect` prints, plus the accesses. */
export type StatementFacts = {
  operations: Operation[]
  reads: string[]
  writes: string[]
  /** Every column named, of whichever table; null where that cannot be told (`*` over an unknown table). */
  fields: string[] | null
  functions: string[]
  statements: number
  /** Running it changes no persistent or shared state, reaches nothing outside, leaves no session state. */
  read_only: boolean
  accesses: StatementAccess[]
}

/** No statement longer than this is looked at. */
export const maxSqlBytes = 100_000

/** Thrown inside an analysis to end it; the message is a sentence fragment a person can act on. */
export class CannotTell extends Error {}

/** One thing touched, while a statement is being read. `resource` null: no stored data. */
export type Entry = {
  operation: Operation
  resource: string | null | Unknown
  /** Whether the table's content is read or changed, for the lists `reads` and `writes`. */
  list: 'reads' | 'writes' | 'none'
  fields: Set<string>
  /** True when the columns cannot be told, or all of them are meant. */
  allFields: boolean
}

/** Collects what one statement touches. */
export type Ledger = {
  entry(operation: Operation, resource: string | null | Unknown, list?: Entry['list']): Entry
  call(name: string): void
  entries(): Entry[]
  functions(): string[]
}

/** An empty ledger; the same operation on the same resource is one entry. */
export function createLedger(): Ledger {
  const entries = new Map<string, Entry>()
  const functions = new Set<string>()
  return {
    entry(operation, resource, list = defaultList(operation, resource)) {
      const key = JSON.stringify([operation, resource, list])
      const found = entries.get(key)
      if (found) return found
      const made: Entry = { operation, resource, list, fields: new Set(), allFields: false }
      entries.set(key, made)
      return made
    },
    call: (name) => void functions.add(name),
    entries: () => [...entries.values()],
    functions: () => [...functions],
  }
}

function defaultList(operation: Operation, resource: string | null | Unknown): Entry['list'] {
  if (typeof resource !== 'string' || operation === 'admin') return 'none'
  return operation === 'read' ? 'reads' : 'writes'
}

/** The facts of a text from the ledgers of its statements. */
export function factsOf(ledgers: Ledger[]): StatementFacts {
  const accesses = ledgers.flatMap(accessesOf)
  const entries = ledgers.flatMap((ledger) => ledger.entries())
  const names = (list: Entry['list']) => [
    ...new Set(entries.filter((e) => e.list === list).map((e) => e.resource as string)),
  ]
  return {
    operations: [...new Set(accesses.map((a) => a.operation as Operation))],
    reads: names('reads'),
    writes: names('writes'),
    fields: entries.some((e) => e.allFields) ? null : [...new Set(entries.flatMap((e) => [...e.fields]))],
    functions: [...new Set(ledgers.flatMap((ledger) => ledger.functions()))],
    statements: ledgers.length,
    read_only: accesses.every(
      (a) => a.operation === 'read' && (a.resource === null || typeof a.resource === 'string'),
    ),
    accesses,
  }
}

function accessesOf(ledger: Ledger): StatementAccess[] {
  const functions = ledger.functions()
  const accesses = ledger.entries().map(({ operation, resource, fields, allFields }): StatementAccess => ({
    operation,
    resource,
    fields: allFields ? { unknown: 'the columns cannot be told from the statement' } : [...fields],
    functions,
  }))
  return accesses.length > 0 ? accesses : [{ operation: 'read', resource: null, fields: [], functions }]
}

/** `schema.table`; a part that itself holds a dot or a quote is quoted, so that no two names read the same. */
export function qualifiedName(...parts: (string | undefined)[]): string {
  return parts
    .filter((part) => part !== undefined && part !== '')
    .map((part) => (/[."]/.test(part as string) ? `"${(part as string).replaceAll('"', '""')}"` : part))
    .join('.')
}

/** Why a text of SQL is not looked at; undefined when it may be. */
export function refuseText(sql: string): string | undefined {
  if (sql.includes('\0')) return 'the SQL holds a NUL character'
  if (!sql.isWellFormed()) return 'the SQL is not well-formed Unicode'
  // A UTF-16 unit is at most three bytes: only texts near the limit are measured exactly.
  if (sql.length * 3 > maxSqlBytes && Buffer.byteLength(sql) > maxSqlBytes)
    return 'the SQL is longer than 100 kB'
  return undefined
}
