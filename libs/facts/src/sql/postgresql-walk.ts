import type { Operation } from '@mcpshield/policy/facts'
import { CannotTell, type Entry, type Ledger } from './statement.ts'
import { resolveTable, type Item, type Node, type PostgresqlOptions } from './postgresql-names.ts'

/** What a walk needs at every step. */
export type Walk = {
  ledger: Ledger
  options: PostgresqlOptions
  /** Under EXPLAIN without ANALYZE nothing is run: a change of data is only planned, and so a read. */
  planOnly: boolean
  /** Reads another text of SQL, one that a function takes as a string. */
  nested: (sql: string) => void
}

/** The tag and the struct of a node. */
export function untag(node: unknown): [string, Node] {
  const [pair] = Object.entries((node ?? {}) as Node)
  if (!pair || !/^[A-Z]/.test(pair[0]))
    throw new CannotTell('the statement holds a part that is not known here')
  return [pair[0], pair[1] as Node]
}

/** The items of a query, and the names of its columns where they can be told. */
export type Derived = Item[] & { columns?: string[] | null }

/** A query's items with its columns. */
export function derived(items: Item[], columns: string[] | null): Derived {
  return Object.assign(items, { columns })
}

/** The resources a RangeVar names; common table expressions are not looked at. */
export function tableOf(walk: Walk, range: Node): string[] {
  return resolveTable(range['schemaname'] as string | undefined, range['relname'] as string, walk.options)
}

/** Enters a table; a change that is only planned is a read. */
export function tableEntry(walk: Walk, operation: Operation, resource: string): Entry {
  return walk.planOnly && operation === 'write'
    ? walk.ledger.entry('read', resource, 'writes')
    : walk.ledger.entry(operation, resource)
}
