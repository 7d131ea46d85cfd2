// Which table columns an output column shows. The protocol names them, but it names a derived table, an expression
// with such a name or a view just as it names a stored table: its word counts only for a flat query over columns
// that the schema has as stored ones.
import type { Connection, FieldPacket } from 'mysql2'
import type { Sources } from '@mcpshield/redact/redact-value'
import { isFlatQuery } from './mysql-text.ts'
import { ask } from './mysql-session.ts'

/** Sources in the order of the columns. */
export type ColumnSources = Sources[string][]

export async function sourcesOf(
  connection: Connection,
  sql: string,
  fields: FieldPacket[],
): Promise<ColumnSources> {
  const named = fields.filter((field) => field.schema && field.orgTable && field.orgName)
  if (named.length === 0 || !isFlatQuery(sql)) return fields.map(() => 'unknown')
  const tables = [...new Map(named.map((field) => [JSON.stringify([field.schema, field.orgTable]), field]))]
  const rows = await ask(
    connection,
    `SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME FROM information_schema.COLUMNS c
     JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
     WHERE t.TABLE_TYPE = 'BASE TABLE' AND (c.GENERATION_EXPRESSION IS NULL OR c.GENERATION_EXPRESSION = '')
     AND (${tables.map(() => '(c.TABLE_SCHEMA = ? AND c.TABLE_NAME = ?)').join(' OR ')})`,
    tables.flatMap(([, field]) => [field.schema ?? '', field.orgTable]),
  )
  const stored = new Set(rows.map((row) => JSON.stringify(row)))
  return fields.map((field) => {
    const path = [field.schema ?? '', field.orgTable, field.orgName]
    return stored.has(JSON.stringify(path)) ? [path] : 'unknown'
  })
}

/** By output name, where the columns that came are those that were announced. */
export function namedSources(
  sources: ColumnSources,
  announced: FieldPacket[],
  came: FieldPacket[],
  names: string[],
): Sources {
  const origin = (field: FieldPacket | undefined) =>
    JSON.stringify([field?.schema, field?.orgTable, field?.orgName, field?.name])
  const isSame = (index: number) => origin(announced[index]) === origin(came[index])
  return Object.fromEntries(
    names.map((name, index) => [name, isSame(index) ? (sources[index] ?? 'unknown') : 'unknown']),
  )
}
