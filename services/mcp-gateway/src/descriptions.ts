// What is stored behind a connection, by name: for the assistant, which is told names and never content. One fixed statement
// for each kind of database, through the same connector and with a grant of exactly what it touches.
import type { Output } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { mcpGateway } from '@mcpshield/contracts/mcp-gateway'
import { drawFacts } from '@mcpshield/facts/draw'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Grant } from './connectors/connector.ts'
import { checkedArgs, type ConnectorToolName } from './connectors/tools.ts'
import type { ProjectRuntime } from './runtimes.ts'

type Description = Output<typeof mcpGateway.rpc.describeConnection>

const WITHIN_MS = 4_000
const MAX_ROWS = 3_000
const MAX_BYTES = 1024 * 1024
const MAX_RESOURCES = 200
const MAX_FIELDS = 60
const MAX_NAME_UNITS = 200

type Question = { tool: ConnectorToolName; sql: string }

/** Rows of `resource` and `field`; what a kind is not asked is not known of it. */
const QUESTIONS: Record<string, Question> = {
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
}

export async function describeConnection(runtime: ProjectRuntime, name: string): Promise<Description> {
  const kind = runtime.connectors.kindOf(name)
  if (kind === undefined) throw new AppError('NOT_FOUND', `There is no connection ${name}.`)
  const question = QUESTIONS[kind]
  if (question === undefined) return { resources: [], truncated: false }
  const { tool, sql } = question
  const connector = runtime.connectors.choose(tool, { connection: name })
  const answer = await connector.run(tool, checkedArgs(tool, { sql }), grantOf(tool, sql, { name, kind }))
  const { rows } = answer.data as { rows?: JsonObject[] }
  return gathered(rows ?? [], answer.cut)
}

function grantOf(tool: string, sql: string, connection: { name: string; kind: string }): Grant {
  const { accesses } = drawFacts(
    { method: 'tools/call', tool, arguments: { sql } },
    { connections: [connection] },
  )
  return {
    accesses: Array.isArray(accesses) ? accesses : [],
    paths: [],
    urls: [],
    readOnly: true,
    maxRows: MAX_ROWS,
    maxBytes: MAX_BYTES,
    timeoutMs: WITHIN_MS,
    signal: AbortSignal.timeout(WITHIN_MS),
    needsSources: false,
    redacts: false,
    alsoAllows: () => false,
    namesHost: () => false,
  }
}

/** Names as they are, of bounded number and length. */
function gathered(rows: readonly JsonObject[], cut: boolean): Description {
  const found = new Map<string, string[]>()
  let truncated = cut
  for (const { resource, field } of rows) {
    if (typeof resource !== 'string' || resource.length > MAX_NAME_UNITS) continue
    const fields = found.get(resource)
    if (fields === undefined && found.size >= MAX_RESOURCES) {
      truncated = true
      break
    }
    const all = fields ?? []
    found.set(resource, all)
    if (typeof field !== 'string' || field.length > MAX_NAME_UNITS) continue
    if (all.length >= MAX_FIELDS) truncated = true
    else all.push(field)
  }
  return { resources: [...found].map(([name, fields]) => ({ name, fields })), truncated }
}
