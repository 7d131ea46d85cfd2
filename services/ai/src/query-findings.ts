// What a query touches and what the policy makes of it, by the same parsers and the same engine that judge calls.
import type { ai, Finding } from '@mcpshield/contracts/ai'
import type { Input } from '@mcpshield/contracts/define'
import { drawFacts } from '@mcpshield/facts/draw'
import { parseStrictJson } from '@mcpshield/facts/json'
import { drawOptions } from '@mcpshield/pdp/draw-options'
import { compile } from '@mcpshield/policy/compile'
import { decide } from '@mcpshield/policy/decide'
import { isUnknown, type Access, type Facts, type JsonObject, type JsonValue } from '@mcpshield/policy/facts'
import { accessInWords } from '@mcpshield/policy/wording'
import { bareSql } from './bare-sql.ts'
import type { Knowledge } from './knowledge.ts'

export type Query = NonNullable<Input<typeof ai.rpc.analyze>['query']>

type Call = { tool: string; arguments: JsonObject }

export function queryFindings(query: Query, knowledge: Knowledge): Finding[] {
  const call = callOf(query)
  if ('problem' in call) return [finding('high', 'unreadable', call.problem)]
  const { policy, above } = knowledge.inForce
  const facts = drawFacts(
    { method: 'tools/call', ...call },
    drawOptions(policy, knowledge.systems, call.tool),
  )
  const compiled = compile(policy, above === undefined ? {} : { above })
  const { decision, rule, reason } = decide(compiled, facts, { environment: knowledge.environment })
  return [
    ...touched(facts),
    ...shapeFindings(query, facts),
    finding('info', `decided_${decision}`, `As things are, ${PAST[decision]} by ${rule}: ${reason}`),
  ]
}

const PAST = { allow: 'it is allowed', deny: 'it is denied', ask: 'a person is asked' }

function finding(
  severity: Finding['severity'],
  code: string,
  message: string,
  fix: string | null = null,
): Finding {
  return { severity, code, message, line: null, fix }
}

const SQL_TOOLS = { postgresql: 'postgres.query', mysql: 'mysql.query', sqlite: 'sqlite.query' } as const

function callOf({ dialect, text, connection }: Query): Call | { problem: string } {
  const on: JsonObject = connection === undefined ? {} : { connection }
  if (dialect in SQL_TOOLS)
    return { tool: SQL_TOOLS[dialect as keyof typeof SQL_TOOLS], arguments: { sql: text, ...on } }
  const parsed = parseStrictJson(text, { maxLength: 64 * 1024, maxDepth: 64 })
  if ('error' in parsed) return { problem: `The command is not JSON: ${parsed.error}.` }
  return dialect === 'redis' ? redisCall(parsed.value, on) : mongodbCall(parsed.value, on)
}

function redisCall(command: JsonValue, on: JsonObject): Call | { problem: string } {
  if (!Array.isArray(command)) return { problem: 'A Redis command is a list of texts: ["GET", "session:1"].' }
  return { tool: 'redis.command', arguments: { command, ...on } }
}

/** MongoDB's commands as our connector has them. */
const COMMANDS: Record<string, (command: JsonObject) => Call> = {
  find: ({ find, filter, projection, limit }) =>
    mongo('find', { collection: find, filter, projection, limit }),
  count: ({ count, query }) => mongo('count', { collection: count, filter: query }),
  distinct: ({ distinct, key, query }) =>
    mongo('distinct', { collection: distinct, field: key, filter: query }),
  aggregate: ({ aggregate, pipeline }) => mongo('aggregate', { collection: aggregate, pipeline }),
  insert: ({ insert, documents }) => mongo('insert', { collection: insert, documents }),
  update: ({ update, updates }) => {
    const [first] = Array.isArray(updates) ? (updates as JsonObject[]) : []
    return mongo('update', {
      collection: update,
      filter: first?.['q'],
      update: first?.['u'],
      many: first?.['multi'],
    })
  },
  delete: ({ delete: collection, deletes }) => {
    const [first] = Array.isArray(deletes) ? (deletes as JsonObject[]) : []
    return mongo('delete', { collection, filter: first?.['q'], many: first?.['limit'] === 0 })
  },
}

function mongo(verb: string, args: Record<string, JsonValue | undefined>): Call {
  const given = Object.entries(args).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined)
  return { tool: `mongodb.${verb}`, arguments: Object.fromEntries(given) }
}

function mongodbCall(command: JsonValue, on: JsonObject): Call | { problem: string } {
  const usage = `A MongoDB command is a document whose first name is one of: ${Object.keys(COMMANDS).join(', ')}.`
  if (typeof command !== 'object' || command === null || Array.isArray(command)) return { problem: usage }
  const [verb = ''] = Object.keys(command)
  const make = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined
  if (make === undefined) return { problem: usage }
  const made = make(command)
  return { ...made, arguments: { ...made.arguments, ...on } }
}

const MAX_SHOWN = 20

function touched({ accesses }: Facts): Finding[] {
  if (!Array.isArray(accesses)) {
    const why = isUnknown(accesses) ? accesses.unknown : 'it is not known why'
    const message = `What it touches cannot be told (${why}): no rule of the built-in connectors lets it through.`
    return [
      finding(
        'high',
        'not_understood',
        message,
        'write it in simpler words of the dialect, as one statement',
      ),
    ]
  }
  return accesses.slice(0, MAX_SHOWN).flatMap((access) => accessFindings(access))
}

function accessFindings(access: Access): Finding[] {
  const { operation, fields, functions } = access
  const columns = Array.isArray(fields)
    ? fields.length === 0
      ? ''
      : `, columns ${fields.slice(0, MAX_SHOWN).join(', ')}`
    : ', columns not known'
  const called = Array.isArray(functions) && functions.length > 0 ? `, functions ${functions.join(', ')}` : ''
  const found = [finding('info', 'touches', `It is ${accessInWords(access, 'within')}${columns}${called}.`)]
  if (isUnknown(operation) || isUnknown(access.resource))
    found.push(
      finding('high', 'not_understood', `A part of it cannot be told: ${accessInWords(access, 'within')}.`),
    )
  if (operation === 'admin')
    found.push(
      finding(
        'high',
        'administrative',
        'It is an administrative command: it reaches beyond stored data.',
        'deny operations: [admin]',
      ),
    )
  if (operation === 'schema')
    found.push(
      finding(
        'medium',
        'changes_schema',
        'It changes how data is stored.',
        'let a person approve it (decision: ask)',
      ),
    )
  if (operation === 'write')
    found.push(finding('low', 'writes', 'It changes data.', 'let a person approve writes (decision: ask)'))
  if (operation === 'read' && isUnknown(fields))
    found.push(
      finding(
        'low',
        'all_columns',
        'It reads every column, personal ones included, and those that are added later.',
        'name the columns',
      ),
    )
  return found
}

/** What the statement's own text shows; comments and texts in it are left out first. */
function shapeFindings({ dialect, text }: Query, { accesses }: Facts): Finding[] {
  const operations = Array.isArray(accesses) ? accesses.map(({ operation }) => operation) : []
  if (dialect === 'redis') return []
  if (dialect === 'mongodb') return mongodbShape(text)
  const bare = bareSql(text)
  const found: Finding[] = []
  if (/^\s*(?:delete\s+from|update)\b/.test(bare) && !/\bwhere\b/.test(bare))
    found.push(
      finding('high', 'every_row', 'It changes every row of the table: there is no WHERE.', 'add a WHERE'),
    )
  if (operations.length > 0 && operations.every((each) => each === 'read') && isUnbounded(bare))
    found.push(
      finding(
        'low',
        'unbounded_read',
        'Nothing bounds how many rows come back.',
        'add a LIMIT, or limits: { max_rows: 100 } to the rule',
      ),
    )
  return found
}

function isUnbounded(bare: string): boolean {
  return /\bfrom\b/.test(bare) && !/\blimit\b|\bfetch\s+(?:first|next)\b|\bcount\s*\(/.test(bare)
}

function mongodbShape(text: string): Finding[] {
  if (/"(?:delete|update)"/.test(text) && /"q"\s*:\s*\{\s*\}/.test(text))
    return [finding('high', 'every_row', 'It changes every document: its filter is empty.', 'add a filter')]
  if (/"find"/.test(text) && !/"limit"/.test(text))
    return [finding('low', 'unbounded_read', 'Nothing bounds how many documents come back.', 'add a limit')]
  return []
}
