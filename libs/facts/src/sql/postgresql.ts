import type { Unknown } from '@mcpshield/policy/facts'
import {
  CannotTell,
  createLedger,
  factsOf,
  refuseText,
  type Ledger,
  type StatementFacts,
} from './statement.ts'
import type { Node, PostgresqlOptions } from './postgresql-names.ts'
import { loadParser, parse, refuseDepth } from './postgresql-parse.ts'
import { untag, type Walk } from './postgresql-walk.ts'
import { statement } from './postgresql-statements.ts'

export type { PostgresqlOptions } from './postgresql-names.ts'

/** Loads the parser, PostgreSQL 18's own. To be awaited once, before the first statement. */
export async function preparePostgresql(): Promise<void> {
  await loadParser()
}

/** What a text of PostgreSQL does; unknown where it does not parse or holds something not known here. */
export function postgresqlFacts(sql: string, options: PostgresqlOptions = {}): StatementFacts | Unknown {
  const refusal = refuseText(sql) ?? refuseDepth(sql)
  if (refusal) return { unknown: refusal }
  try {
    const ledgers = parse(sql).map((node) => {
      const ledger = createLedger()
      statement(walkOf(ledger, options, 0), node)
      return ledger
    })
    return ledgers.length > 0 ? factsOf(ledgers) : { unknown: 'there is no statement in the SQL' }
  } catch (error) {
    return { unknown: reasonOf(error) }
  }
}

function walkOf(ledger: Ledger, options: PostgresqlOptions, depth: number): Walk {
  const nested = (sql: string) => {
    if (depth > 2 || refuseText(sql)) return
    try {
      for (const node of parse(sql)) statement(walkOf(ledger, options, depth + 1), node)
    } catch {
      // Not a statement, or one that cannot be read: the access that led here is unknown already.
    }
  }
  return { ledger, options, planOnly: false, nested }
}

function reasonOf(error: unknown): string {
  if (error instanceof CannotTell) return error.message
  if (error instanceof RangeError) return 'the SQL is nested too deeply'
  const message = error instanceof Error ? error.message : 'the parser failed'
  return `the SQL does not parse as PostgreSQL: ${message}`
}

/** The columns of the tables that a script of CREATE TABLE statements makes, for `PostgresqlOptions.schema`. */
export function postgresqlSchema(ddl: string): Record<string, string[]> {
  const schema: Record<string, string[]> = {}
  for (const stmt of parse(ddl)) {
    const [tag, node] = untag(stmt)
    if (tag !== 'CreateStmt') continue
    const { schemaname = 'public', relname } = node['relation'] as { schemaname?: string; relname: string }
    const columns = ((node['tableElts'] ?? []) as Node[]).flatMap((element) => {
      const name = (element['ColumnDef'] as Node | undefined)?.['colname']
      return typeof name === 'string' ? [name] : []
    })
    // A partition, a child or a table of a type has columns that are not written here.
    if (columns.length > 0 && !node['inhRelations']) schema[`${schemaname}.${relname}`] = columns
  }
  return schema
}
