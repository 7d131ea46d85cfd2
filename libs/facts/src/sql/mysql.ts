import type { Unknown } from '@mcpshield/policy/facts'
import { tokensOf } from './mysql-lexer.ts'
import { createWalk, enter, type MysqlOptions } from './mysql-names.ts'
import { acceptSign, atEnd, createReader, type Reader } from './mysql-reader.ts'
import { prepareSqlparser } from './mysql-sqlparser.ts'
import { statement } from './mysql-statements.ts'
import { askWitnesses } from './mysql-witnesses.ts'
import {
  CannotTell,
  createLedger,
  factsOf,
  refuseText,
  type Ledger,
  type StatementFacts,
} from './statement.ts'

export type { MysqlOptions } from './mysql-names.ts'

/** Loads the parser that every statement is shown to, which otherwise happens at the first one. */
export function prepareMysql(): void {
  prepareSqlparser()
}

/** What a text of MySQL or MariaDB does; unknown where it does not parse or holds something not known here. */
export function mysqlFacts(sql: string, options: MysqlOptions = {}): StatementFacts | Unknown {
  const refusal = refuseText(sql)
  if (refusal) return { unknown: refusal }
  try {
    const ledgers = statements(createReader(tokensOf(sql)), options)
    return ledgers.length > 0 ? factsOf(ledgers) : { unknown: 'there is no statement in the SQL' }
  } catch (error) {
    return { unknown: reasonOf(error) }
  }
}

const maxStatements = 50

function statements(reader: Reader, options: MysqlOptions): Ledger[] {
  const ledgers: Ledger[] = []
  for (;;) {
    while (acceptSign(reader, ';'));
    if (atEnd(reader)) return ledgers
    if (ledgers.length === maxStatements) throw new CannotTell('the text holds too many statements')
    ledgers.push(oneStatement(reader, options))
  }
}

function oneStatement(reader: Reader, options: MysqlOptions): Ledger {
  const walk = createWalk(reader, options)
  statement(walk)
  askWitnesses(walk)
  const ledger = createLedger()
  enter(walk, ledger)
  return ledger
}

function reasonOf(error: unknown): string {
  if (error instanceof CannotTell) return error.message
  if (error instanceof RangeError) return 'the SQL is nested too deeply'
  return `the SQL does not parse as MySQL: ${error instanceof Error ? error.message : 'the parser failed'}`
}
