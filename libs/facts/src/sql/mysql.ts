import type { Unknown } from '@mcpshield/policy/facts'
import type { StatementFacts } from './statement.ts'

export type MysqlOptions = {
  /** The database of names without one; absent, such names are told as written. */
  database?: string | undefined
}

/** What a text of MySQL or MariaDB does; unknown where it does not parse or holds something not known here. */
export function mysqlFacts(_sql: string, _options: MysqlOptions = {}): StatementFacts | Unknown {
  return { unknown: 'statements of mysql are not read yet' }
}
