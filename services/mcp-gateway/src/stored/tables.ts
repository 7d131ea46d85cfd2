// Tables and views with their columns: one fixed statement for each kind of database.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Connectors } from '../connectors/connectors.ts'
import { checkedArgs, type ConnectorToolName } from '../connectors/tools.ts'
import {
  accessesOf,
  fits,
  MAX_FIELDS,
  MAX_RESOURCES,
  readingGrant,
  type Stored,
  type Within,
} from './reading.ts'

const MAX_ROWS = 3_000

type Question = { tool: ConnectorToolName; sql: string }

/** Rows of `resource` and `field`. */
const QUESTIONS = {
  postgresql: {
    tool: 'postgres.query',
    sql: `select table_schema || '.' || table_name as resource, column_name as field from information_schema.columns
      where table_schema not in ('pg_catalog', 'information_schema') order by table_schema, table_name, ordinal_position`,
  },
  mysql: {
    tool: 'mysql.query',
    sql: `select concat(table_schema, '.', table_name) as resource, column_name as field from information_schema.columns
      where table_schema = database() order by table_schema, table_name, ordinal_position`,
  },
  sqlite: {
    tool: 'sqlite.query',
    sql: `select m.name as resource, p.name as field from sqlite_master m, pragma_table_info(m.name) p
      where m.type in ('table', 'view') order by m.name, p.cid`,
  },
} as const satisfies Record<string, Question>

export async function storedTables(
  connectors: Connectors,
  { name, kind }: { name: string; kind: keyof typeof QUESTIONS },
  time: Within,
): Promise<Stored> {
  const { tool, sql } = QUESTIONS[kind]
  const connector = connectors.choose(tool, { connection: name })
  const grant = readingGrant({ accesses: accessesOf(tool, { sql }, { name, kind }) }, time, MAX_ROWS)
  const answer = await connector.run(tool, checkedArgs(tool, { sql }), grant)
  const { rows } = answer.data as { rows?: JsonObject[] }
  return gathered(rows ?? [], answer.cut)
}

/** Names as they are, of bounded number and length. */
function gathered(rows: readonly JsonObject[], cut: boolean): Stored {
  const found = new Map<string, string[]>()
  let truncated = cut
  for (const { resource, field } of rows) {
    if (!fits(resource)) continue
    const fields = found.get(resource)
    if (fields === undefined && found.size >= MAX_RESOURCES) {
      truncated = true
      break
    }
    const all = fields ?? []
    found.set(resource, all)
    if (!fits(field)) continue
    if (all.length >= MAX_FIELDS) truncated = true
    else all.push(field)
  }
  return { resources: [...found].map(([name, fields]) => ({ name, fields })), truncated }
}
