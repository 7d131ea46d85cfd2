// What the gateway asks of a process for SQLite, and what it gets.
import type { JsonObject } from '@mcpshield/policy/facts'

export type SqliteJob = {
  path: string
  sql: string
  readOnly: boolean
  /** `table` or `schema.table`, lower case: what may be read, and what may be written. */
  reads: string[]
  writes: string[]
  maxRows: number
  maxBytes: number
  needsSources: boolean
}
export type SqliteDone =
  | {
      ok: true
      columns: string[]
      rows: JsonObject[]
      cut: boolean
      sources: Record<string, string[][] | 'unknown'>
    }
  | { ok: false; error: string }
